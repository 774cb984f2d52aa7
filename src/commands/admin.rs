//! The admin port from the side of the commands that use it.

use std::time::Duration;

use clap::Args;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ureq::Agent;
use ureq::http::{Response, StatusCode};

/// Where the admin port is.
#[derive(Clone, Debug, Args)]
pub(super) struct AdminAddress {
    /// The admin port of a host.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:7455")]
    admin: String,
}

/// Why an answer is not what was hoped for.
#[derive(Debug, thiserror::Error)]
pub(super) enum AdminFailure {
    /// Nobody answers there.
    #[error("no answer from {url}: {source}; is a host serving there (see --admin)?")]
    Unreachable {
        url: String,
        source: Box<ureq::Error>,
    },
    /// The broker says no.
    #[error("{detail}")]
    Refused { status: StatusCode, detail: String },
    /// Something else answers there, or another version.
    #[error("{url} answers what this version does not understand: {source}")]
    NotUnderstood {
        url: String,
        source: Box<ureq::Error>,
    },
}

/// What is read of a problem.
#[derive(Debug, Deserialize)]
struct Problem {
    title: String,
    #[serde(default)]
    detail: String,
}

/// A connection to an admin port.
#[derive(Debug)]
pub(super) struct AdminClient {
    agent: Agent,
    base: String,
}

/// How long an answer may take: a measurement of all instances takes half a second at most.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

impl AdminClient {
    pub(super) fn new(address: &AdminAddress) -> Self {
        Self::at(&address.admin, ANSWER_WITHIN)
    }

    /// One that waits so long for an answer, at most.
    pub(super) fn at(url: &str, within: Duration) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(within))
            .build();
        Self {
            agent: config.into(),
            base: url.trim_end_matches('/').to_owned(),
        }
    }

    /// Reads.
    pub(super) fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, AdminFailure> {
        let url = format!("{}{path}", self.base);
        let answer = self.agent.get(&url).call();
        read(&url, answer).map(|(_, body)| body)
    }

    /// Asks; with the status, since several mean yes.
    pub(super) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<(StatusCode, T), AdminFailure> {
        let url = format!("{}{path}", self.base);
        let answer = self.agent.post(&url).send_json(body);
        read(&url, answer)
    }

    /// Gives up; the answer has no body.
    pub(super) fn delete(&self, path: &str) -> Result<(), AdminFailure> {
        let url = format!("{}{path}", self.base);
        let response = self
            .agent
            .delete(&url)
            .call()
            .map_err(|source| unreachable_at(&url, source))?;
        refused(&url, response).map(|_| ())
    }
}

type Answer = Result<Response<ureq::Body>, ureq::Error>;

fn read<T: DeserializeOwned>(url: &str, answer: Answer) -> Result<(StatusCode, T), AdminFailure> {
    let response = answer.map_err(|source| unreachable_at(url, source))?;
    let mut response = refused(url, response)?;
    let body = response.body_mut().read_json();
    let body = body.map_err(|source| not_understood(url, source))?;
    Ok((response.status(), body))
}

/// The response, if it is a yes.
fn refused(
    url: &str,
    mut response: Response<ureq::Body>,
) -> Result<Response<ureq::Body>, AdminFailure> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let problem: Problem = response
        .body_mut()
        .read_json()
        .map_err(|e| not_understood(url, e))?;
    let detail = match problem.detail.is_empty() {
        true => problem.title,
        false => problem.detail,
    };
    Err(AdminFailure::Refused { status, detail })
}

fn unreachable_at(url: &str, source: ureq::Error) -> AdminFailure {
    let (url, source) = (url.to_owned(), Box::new(source));
    AdminFailure::Unreachable { url, source }
}

fn not_understood(url: &str, source: ureq::Error) -> AdminFailure {
    let (url, source) = (url.to_owned(), Box::new(source));
    AdminFailure::NotUnderstood { url, source }
}
