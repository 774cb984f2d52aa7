//! `/v1/operations`: what is under way, what has been, and giving up.

use std::future::{self, Ready};

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use gomera_coordinator::{Answer, OperationRecord};
use gomera_model::OperationId;
use serde::{Deserialize, Serialize};

use super::Problem;
use crate::broker::Broker;

/// Every operation that is remembered.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OperationsReport {
    /// Oldest first; one under way is the last.
    pub operations: Vec<OperationRecord>,
}

pub(super) fn list(State(broker): State<Broker>) -> Ready<Json<OperationsReport>> {
    let operations = broker.view().operations.clone();
    future::ready(Json(OperationsReport { operations }))
}

pub(super) fn show(
    State(broker): State<Broker>,
    Path(id): Path<String>,
) -> Ready<Result<Json<OperationRecord>, Problem>> {
    let found = parse(&id).and_then(|id| broker.operation(id));
    future::ready(found.map(Json).ok_or_else(|| none(&id)))
}

pub(super) async fn abort(State(broker): State<Broker>, Path(text): Path<String>) -> Response {
    let Some(id) = parse(&text) else {
        return none(&text).into_response();
    };
    match broker.abort(id).await {
        Answer::Aborted(_) => StatusCode::NO_CONTENT.into_response(),
        Answer::TooLate(id) => Problem::new(StatusCode::CONFLICT, "committed")
            .detail("the operation is committed and only goes forward")
            .operation(broker.operation(id))
            .into_response(),
        Answer::NoSuchOperation(_) => none(&text).into_response(),
        Answer::Unavailable { retry_after } => Problem::unavailable(retry_after).into_response(),
        answer @ (Answer::Accepted(_)
        | Answer::Unchanged
        | Answer::Plan(_)
        | Answer::Busy(_)
        | Answer::NotWhole { .. }
        | Answer::Draining { .. }
        | Answer::NoSuchHost(_)
        | Answer::Impossible(_)) => Problem::unexpected(&answer).into_response(),
    }
}

fn none(id: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no_such_operation")
        .detail(format!("no operation `{id}` is under way or remembered"))
}

fn parse(id: &str) -> Option<OperationId> {
    id.parse().ok().map(OperationId)
}
