//! `POST /v1/scale`: the hook of autoscalers and people.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gomera_coordinator::{Answer, ScaleRequest, Wishes};
use gomera_model::Layer;
use gomera_model::control::Strategy;
use serde::{Deserialize, Serialize};

use super::Problem;
use crate::broker::{Broker, wall_clock};

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaleBody {
    /// How many instances each named layer shall have.
    pub layers: BTreeMap<Layer, u32>,
    /// One weight an instance, in the order of their ids, for layers that own slots; evenly where none are given.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights: BTreeMap<Layer, Vec<u32>>,
    /// How.
    #[serde(default)]
    pub strategy: Strategy,
    /// Only say what would be done.
    #[serde(default)]
    pub dry_run: bool,
    /// Why, for the record.
    #[serde(default)]
    pub reason: String,
}

/// The header that makes a repeated request one request.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

pub(super) async fn ask(State(broker): State<Broker>, headers: HeaderMap, body: Bytes) -> Response {
    let request = match parse(&headers, &body) {
        Ok(request) => request,
        Err(problem) => return problem.into_response(),
    };
    broker.tell_loads().await;
    let answer = broker.scale(request).await;
    respond(&broker, answer)
}

fn parse(headers: &HeaderMap, body: &[u8]) -> Result<ScaleRequest, Problem> {
    let body: ScaleBody = serde_json::from_slice(body).map_err(|error| {
        // What is JSON but not a request cannot be; what is no JSON cannot even be asked.
        let (status, code) = match error.is_data() {
            true => (StatusCode::UNPROCESSABLE_ENTITY, "not_a_scale_request"),
            false => (StatusCode::BAD_REQUEST, "not_json"),
        };
        Problem::new(status, code).detail(error.to_string())
    })?;
    let key = headers
        .get(IDEMPOTENCY_KEY)
        .map(|key| key.to_str().map(str::to_owned));
    let idempotency_key = key.transpose().map_err(|_| {
        Problem::new(StatusCode::BAD_REQUEST, "bad_idempotency_key")
            .detail("the header Idempotency-Key is not visible ASCII")
    })?;
    Ok(ScaleRequest {
        wishes: Wishes {
            layers: body.layers,
            weights: body.weights,
        },
        strategy: body.strategy,
        dry_run: body.dry_run,
        reason: body.reason,
        idempotency_key,
        asked_at: wall_clock(),
    })
}

fn respond(broker: &Broker, answer: Answer) -> Response {
    match answer {
        Answer::Accepted(record) => {
            let place = format!("/v1/operations/{}", record.id);
            (
                StatusCode::ACCEPTED,
                [(header::LOCATION, place)],
                Json(record),
            )
                .into_response()
        }
        Answer::Unchanged => Json(serde_json::json!({"unchanged": true})).into_response(),
        Answer::Plan(plan) => Json(plan).into_response(),
        Answer::Busy(id) => Problem::busy(id, broker.operation(id)).into_response(),
        Answer::Impossible(why) => Problem::impossible(&why).into_response(),
        Answer::NotWhole { why, retry_after } => {
            Problem::not_whole(&why, retry_after).into_response()
        }
        Answer::Unavailable { retry_after } => Problem::unavailable(retry_after).into_response(),
        answer @ (Answer::Aborted(_)
        | Answer::TooLate(_)
        | Answer::NoSuchOperation(_)
        | Answer::Draining { .. }
        | Answer::NoSuchHost(_)) => Problem::unexpected(&answer).into_response(),
    }
}
