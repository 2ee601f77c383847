//! The operator's endpoints: health, metrics, and what it is.
//!
//! In: requests from the kubelet and from Prometheus. Out: short answers, none with a value of a
//! user's.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::operator::Operator;

/// `/health`, `/health/live`, `/health/ready`, `/metrics` and `/info`.
pub fn router(operator: Arc<Operator>) -> Router {
    Router::new()
        .route("/health", get(ready))
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/info", get(info))
        .with_state(operator)
}

/// It answers, so it lives.
async fn live() -> &'static str {
    "ok\n"
}

/// Ready once every watch has listed: a replica that stands by is ready to take over.
async fn ready(State(operator): State<Arc<Operator>>) -> Response {
    match operator.is_ready() {
        true => "ok\n".into_response(),
        false => {
            (StatusCode::SERVICE_UNAVAILABLE, "the caches are not filled yet\n").into_response()
        }
    }
}

async fn metrics(State(operator): State<Arc<Operator>>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], operator.metrics_text()).into_response()
}

async fn info(State(operator): State<Arc<Operator>>) -> Response {
    let info = serde_json::json!({
        "name": "ompipe",
        "version": env!("CARGO_PKG_VERSION"),
        "leader": operator.leads(),
    });
    ([(header::CONTENT_TYPE, "application/json")], info.to_string()).into_response()
}
