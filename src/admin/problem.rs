//! What went wrong, as RFC 9457 has it.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use gomera_coordinator::{Answer, Impossible, Missing, OperationRecord};
use gomera_model::OperationId;
use serde::Serialize;

/// An answer that is an error. `type` is `about:blank`: the status says what kind it is, `code` which one.
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    /// For programs.
    code: &'static str,
    /// For people.
    detail: String,
    /// The operation that is in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<Box<OperationRecord>>,
    #[serde(skip)]
    retry_after: Option<Duration>,
}

impl Problem {
    /// A problem without details yet.
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code,
            detail: String::new(),
            operation: None,
            retry_after: None,
        }
    }

    /// The store does not answer; what was asked may or may not be done yet.
    pub(super) fn unavailable(retry_after: Duration) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            .detail("the coordinator cannot write now; notifications and subscriptions flow on")
            .retry_after(retry_after)
    }

    /// One operation at a time.
    pub(super) fn busy(id: OperationId, operation: Option<OperationRecord>) -> Self {
        Self::new(StatusCode::CONFLICT, "operation_under_way")
            .detail(format!("operation {id} is under way; one at a time"))
            .operation(operation)
    }

    /// What was asked cannot be.
    pub(super) fn impossible(why: &Impossible) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "impossible").detail(why.to_string())
    }

    /// Not everything is whole, and nothing is begun before.
    pub(super) fn not_whole(why: &Missing, retry_after: Duration) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_whole")
            .detail(format!(
                "nothing is begun before everything is whole: {why}"
            ))
            .retry_after(retry_after)
    }

    /// The coordinator answered another question.
    pub(super) fn unexpected(answer: &Answer) -> Self {
        tracing::error!(?answer, "an answer to another question");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "unexpected_answer")
            .detail("the coordinator answered another question")
    }

    /// Says what was found and what to do.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Names the operation that is in the way.
    #[must_use]
    pub fn operation(mut self, operation: Option<OperationRecord>) -> Self {
        self.operation = operation.map(Box::new);
        self
    }

    /// Says when to ask again.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let wait = self.retry_after.map(|wait| wait.as_secs().max(1));
        let mut response = (status, axum::Json(self)).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if let Some(seconds) = wait {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
