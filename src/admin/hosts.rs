//! `/v1/hosts/{id}/drain`: a host is emptied, and then ends.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use gomera_coordinator::Answer;
use gomera_model::HostId;
use serde::{Deserialize, Serialize};

use super::Problem;
use crate::broker::Broker;

/// How far a host is emptied.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DrainReport {
    /// Which.
    pub host: HostId,
    /// Instances that the topology still has there. The host ends by itself some moments after the last has left.
    pub instances: u32,
}

pub(super) async fn drain(State(broker): State<Broker>, Path(text): Path<String>) -> Response {
    let Some(host) = text.parse().ok().map(HostId) else {
        return none(&text).into_response();
    };
    match broker.drain(host).await {
        Answer::Draining { host, instances } => {
            let report = DrainReport { host, instances };
            (StatusCode::ACCEPTED, Json(report)).into_response()
        }
        Answer::NoSuchHost(_) => none(&text).into_response(),
        Answer::Busy(id) => Problem::busy(id, broker.operation(id)).into_response(),
        Answer::Impossible(why) => Problem::impossible(&why).into_response(),
        Answer::Unavailable { retry_after } => Problem::unavailable(retry_after).into_response(),
        answer @ (Answer::Accepted(_)
        | Answer::Unchanged
        | Answer::Plan(_)
        | Answer::NotWhole { .. }
        | Answer::Aborted(_)
        | Answer::TooLate(_)
        | Answer::NoSuchOperation(_)) => Problem::unexpected(&answer).into_response(),
    }
}

fn none(id: &str) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "no_such_host").detail(format!("there is no host `{id}`"))
}
