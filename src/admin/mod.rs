//! The admin port: health, metrics, topology, scaling, over HTTP.
//!
//! It speaks for the broker of this process. Errors are `application/problem+json` (RFC 9457).

use std::borrow::Cow;
use std::future::{self, Ready};
use std::net::SocketAddr;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;

use crate::broker::Broker;
use crate::limits::ADMIN_BODY_BYTES_MAX;

mod hosts;
mod load;
mod operations;
mod problem;
mod scale;
mod topology;

pub use hosts::DrainReport;
pub use load::{InstanceLoad, LoadReport, OverloadReport, SpreadReport};
pub use operations::OperationsReport;
pub use problem::Problem;
pub use scale::ScaleBody;
pub use topology::{HostReport, InstanceReport, TopologyReport};

/// The port of the admin's HTTP.
pub const PORT: u16 = 7455;

/// Why there is no admin port.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen at {address} (TCP): {source}")]
pub struct AdminError {
    /// Where it should be.
    pub address: SocketAddr,
    /// What the system says.
    pub source: std::io::Error,
}

/// A listening admin port that does not answer yet.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
}

impl Admin {
    /// Listens; port 0 takes any that is free. Within the context of a runtime.
    ///
    /// # Errors
    ///
    /// If the address cannot be had.
    pub async fn listen(address: SocketAddr) -> Result<Self, AdminError> {
        let failed = |source| AdminError { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, address })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers for the broker until `stop` is done.
    ///
    /// # Errors
    ///
    /// If the socket fails.
    pub async fn serve(
        self,
        broker: Broker,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        axum::serve(self.listener, router(broker))
            .with_graceful_shutdown(stop)
            .await
    }
}

/// Every path, with the broker that it speaks for.
fn router(broker: Broker) -> Router {
    Router::new()
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(openapi))
        .route("/v1/topology", get(topology::show))
        .route("/v1/topology/document", get(topology::document))
        .route("/v1/load", get(load::show))
        .route("/v1/scale", post(scale::ask))
        .route("/v1/hosts/{id}/drain", post(hosts::drain))
        .route("/v1/operations", get(operations::list))
        .route(
            "/v1/operations/{id}",
            get(operations::show).delete(operations::abort),
        )
        .fallback(nothing_here)
        .method_not_allowed_fallback(not_this_method)
        .layer(DefaultBodyLimit::max(ADMIN_BODY_BYTES_MAX))
        .with_state(broker)
}

fn live() -> Ready<Response> {
    future::ready(plain("alive\n"))
}

fn ready(State(broker): State<Broker>) -> Ready<Result<Response, Problem>> {
    let not_ready = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready");
    let view = broker.view();
    let whole = match &view.missing {
        None => "everything is whole".to_owned(),
        Some(missing) => format!("not everything is whole: {missing}"),
    };
    future::ready(match (view.is_ready, view.is_available) {
        (true, true) => Ok(plain(format!("ready; {whole}\n"))),
        (true, false) => Ok(plain(format!(
            "ready; nothing can be scaled now; {whole}\n"
        ))),
        (false, _) => Err(not_ready.detail("not every instance of the topology runs")),
    })
}

async fn metrics(State(broker): State<Broker>) -> Response {
    let measured = broker.measure().await;
    let text = crate::metrics::render(&broker, &measured);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

fn openapi() -> Ready<Response> {
    let text = include_str!("openapi.json");
    future::ready(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

fn nothing_here() -> Ready<Problem> {
    let problem = Problem::new(StatusCode::NOT_FOUND, "no_such_path");
    future::ready(problem.detail("see /openapi.json for what there is"))
}

fn not_this_method() -> Ready<Problem> {
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "no_such_method");
    future::ready(problem.detail("see /openapi.json for what there is"))
}

fn plain(text: impl Into<Cow<'static, str>>) -> Response {
    let text: Cow<'static, str> = text.into();
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
