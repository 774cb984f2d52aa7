//! The admin port, asked over HTTP.

#![allow(clippy::unwrap_used, reason = "a test may fail where it stands")]

use std::collections::BTreeSet;
use std::net::SocketAddr;

use gomera::admin::Admin;
use gomera_model::{Layer, SLOTS, Topology};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use ureq::Agent;
use ureq::http::Response;

mod raw;

use raw::TestBroker;

/// A broker with its admin port.
struct Host {
    broker: TestBroker,
    admin: SocketAddr,
}

/// What was answered.
struct Answer {
    status: u16,
    kind: String,
    retry_after: Option<String>,
    location: Option<String>,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

impl Host {
    async fn start() -> Self {
        let broker = TestBroker::start();
        let admin = Admin::listen(([127, 0, 0, 1], 0).into()).await.unwrap();
        let address = admin.address();
        tokio::spawn(admin.serve(broker.broker.clone(), std::future::pending()));
        Self {
            broker,
            admin: address,
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(path, |agent, url| agent.get(url).call()).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.ask(path, |agent, url| agent.delete(url).call()).await
    }

    async fn scale(&self, body: Value, key: Option<&'static str>) -> Answer {
        self.post("/v1/scale", body.to_string(), key).await
    }

    async fn post(&self, path: &str, body: String, key: Option<&'static str>) -> Answer {
        self.ask(path, move |agent, url| {
            let request = agent.post(url);
            match key {
                Some(key) => request.header("Idempotency-Key", key).send(body),
                None => request.send(body),
            }
        })
        .await
    }

    async fn ask(
        &self,
        path: &str,
        call: impl FnOnce(&Agent, &str) -> Result<Response<ureq::Body>, ureq::Error> + Send + 'static,
    ) -> Answer {
        let url = format!("http://{}{path}", self.admin);
        let asking = spawn_blocking(move || {
            let agent: Agent = Agent::config_builder()
                .http_status_as_error(false)
                .build()
                .into();
            let mut response = call(&agent, &url).unwrap();
            let header = |name| {
                let value = response.headers().get(name);
                value.map(|value| value.to_str().unwrap().to_owned())
            };
            Answer {
                status: response.status().as_u16(),
                kind: header("content-type").unwrap_or_default(),
                retry_after: header("retry-after"),
                location: header("location"),
                text: response.body_mut().read_to_string().unwrap(),
            }
        });
        asking.await.unwrap()
    }

    /// Looks until the operation is over.
    async fn done(&self, place: &str) -> Value {
        loop {
            let record = self.get(place).await.json();
            if record["outcome"]["result"] != "running" {
                return record;
            }
        }
    }

    async fn matchers(&self) -> usize {
        let topology = self.get("/v1/topology").await.json();
        topology["layers"]["matchers"].as_array().unwrap().len()
    }
}

fn check_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.kind, "application/problem+json");
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    assert_eq!(problem["code"], code);
    assert_eq!(problem["type"], "about:blank");
    assert_ne!(problem["title"], "");
    assert_ne!(problem["detail"], "");
}

#[tokio::test]
async fn a_host_is_alive_and_ready() {
    let host = Host::start().await;
    for path in ["/livez", "/readyz"] {
        let answer = host.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    }
}

#[tokio::test]
async fn the_topology_names_everybody() {
    let host = Host::start().await;
    let topology = host.get("/v1/topology").await.json();
    assert_eq!(topology["survives"], "nothing");
    assert_eq!(
        topology["hosts"][0]["listening"],
        host.broker.broker.listening().to_string()
    );
    for layer in [
        "connection_points",
        "access_points",
        "matchers",
        "exit_points",
    ] {
        assert_eq!(
            topology["layers"][layer].as_array().unwrap().len(),
            1,
            "{layer}"
        );
    }
    assert_eq!(topology["layers"]["matchers"][0]["slots"], 4096);
}

#[tokio::test]
async fn matchers_are_scaled_out_and_in() {
    let host = Host::start().await;
    for (count, moved) in [(3, 2730), (1, 2730)] {
        let answer = host
            .scale(
                json!({"layers": {"matchers": count}, "reason": "a test"}),
                None,
            )
            .await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        let record = host.done(&answer.location.unwrap()).await;
        assert_eq!(record["outcome"]["result"], "done", "{record}");
        assert_eq!(record["slots_moved"], moved);
        assert_eq!(record["reason"], "a test");
        assert_eq!(host.matchers().await, count);
    }
    let operations = host.get("/v1/operations").await.json();
    assert_eq!(operations["operations"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_repeated_key_is_one_request() {
    let host = Host::start().await;
    let wish = json!({"layers": {"matchers": 2}});
    let first = host.scale(wish.clone(), Some("a")).await;
    host.done(first.location.as_deref().unwrap()).await;
    let again = host.scale(wish, Some("a")).await;
    assert_eq!(
        (again.status, again.json()["id"].clone()),
        (202, first.json()["id"].clone())
    );
    let other = host
        .scale(json!({"layers": {"matchers": 3}}), Some("a"))
        .await;
    check_problem(&other, 422, "impossible");
}

#[tokio::test]
async fn a_dry_run_and_a_wish_fulfilled_change_nothing() {
    let host = Host::start().await;
    let plan = host
        .scale(json!({"layers": {"matchers": 2}, "dry_run": true}), None)
        .await;
    assert_eq!(
        (plan.status, plan.json()["slots_moved"].clone()),
        (200, json!(2048))
    );
    let same = host.scale(json!({"layers": {"matchers": 1}}), None).await;
    assert_eq!(
        (same.status, same.json()),
        (200, json!({"unchanged": true}))
    );
    assert_eq!(host.matchers().await, 1);
}

#[tokio::test]
async fn what_cannot_be_is_a_problem() {
    let host = Host::start().await;
    let check = async |body: Value, code| {
        check_problem(&host.scale(body, None).await, 422, code);
    };
    check(json!({"layers": {"matchers": 0}}), "impossible").await;
    check(json!({"layers": {}}), "impossible").await;
    check(json!({"layers": {"mappers": 1}}), "not_a_scale_request").await;
    check(
        json!({"layers": {"matchers": 1}, "wish": 1}),
        "not_a_scale_request",
    )
    .await;
    check_problem(
        &host.post("/v1/scale", "{".to_owned(), None).await,
        400,
        "not_json",
    );
    check_problem(
        &host.get("/v1/operations/1").await,
        404,
        "no_such_operation",
    );
    check_problem(
        &host.delete("/v1/operations/one").await,
        404,
        "no_such_operation",
    );
    check_problem(&host.get("/v1/nothing").await, 404, "no_such_path");
    check_problem(&host.delete("/v1/scale").await, 405, "no_such_method");
}

#[tokio::test]
async fn what_is_over_cannot_be_given_up() {
    let host = Host::start().await;
    let place = host
        .scale(json!({"layers": {"matchers": 2}}), None)
        .await
        .location
        .unwrap();
    host.done(&place).await;
    check_problem(&host.delete(&place).await, 409, "committed");
}

#[tokio::test]
async fn who_has_stopped_scales_nothing() {
    let host = Host::start().await;
    host.broker.broker.clone().shutdown().await;
    let answer = host.scale(json!({"layers": {"matchers": 2}}), None).await;
    check_problem(&answer, 503, "unavailable");
    assert_eq!(answer.retry_after.as_deref(), Some("1"));
}

#[tokio::test]
async fn the_document_of_the_topology_names_the_owner_of_every_slot() {
    let host = Host::start().await;
    let document = host.get("/v1/topology/document").await;
    let topology: Topology = serde_json::from_str(&document.text).unwrap();
    assert_eq!(topology.check(), Ok(()));
    let matcher = topology.incarnations(Layer::Matchers).next().unwrap();
    assert_eq!(topology.slots_of(matcher).count(), SLOTS);
}

#[tokio::test]
async fn the_load_names_every_instance() {
    let host = Host::start().await;
    let load = host.get("/v1/load").await.json();
    let layers: BTreeSet<_> = load["instances"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["layer"].as_str().unwrap())
        .collect();
    assert_eq!(layers.len(), 4, "{load}");
    assert_eq!(load["overload"]["deliveries_lost"], 0);
}

#[tokio::test]
async fn metrics_are_openmetrics() {
    let host = Host::start().await;
    let answer = host.get("/metrics").await;
    assert!(
        answer.kind.starts_with("application/openmetrics-text"),
        "{}",
        answer.kind
    );
    assert!(answer.text.ends_with("# EOF\n"));
    for line in answer.text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(name.starts_with("gomera_"), "{line}");
        value.parse::<f64>().unwrap();
    }
    assert!(
        answer
            .text
            .contains("gomera_slots{layer=\"matchers\",instance=\"0\""),
        "{}",
        answer.text
    );
}

#[tokio::test]
async fn the_description_is_true() {
    let host = Host::start().await;
    let description = host.get("/openapi.json").await.json();
    for (path, methods) in description["paths"].as_object().unwrap() {
        let place = path.replace("{id}", "1");
        for method in methods.as_object().unwrap().keys() {
            let answer = match method.as_str() {
                "get" => host.get(&place).await,
                "delete" => host.delete(&place).await,
                "post" => host.post(&place, String::new(), None).await,
                _ => continue,
            };
            let described = &methods[method]["responses"][answer.status.to_string()];
            assert!(
                described.is_object(),
                "{method} {path} answers {}",
                answer.status
            );
            assert_ne!(answer.text, "", "{method} {path}");
        }
    }
}
