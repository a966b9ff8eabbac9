//! However the collector writes: the same requests become the same spans, and the same alert.
//!
//! The sixth way, protobuf with zstd, which is what the configurations say themselves, is the whole story of `incident.rs`.

use std::time::Duration;

use fluo_alerts::notification::Event;
use fluo_end_to_end::application::Application;
use fluo_end_to_end::collector::{Collector, Writes};
use fluo_end_to_end::deployment::Deployment;
use fluo_end_to_end::spans::Files;
use fluo_end_to_end::wait;
use jiff::Timestamp;
use serde_json::json;

use crate::{notifications, sleep_until};

/// The query of what is stored of a login, whatever lay between.
const STORED: &str = "SELECT lower(hex(trace_id)), lower(hex(span_id)), service_name, kind, status,
        coalesce(attr_http_status_code, attributes['http.status_code']),
        coalesce(attr_error_type, attributes['error.type']), attributes['user.id'] IS NOT NULL OR attr_user_id IS NOT NULL,
        len(events), scope_name
    FROM files WHERE name = 'auth_user' ORDER BY end_time";

async fn the_same_spans_and_alert(writes: Writes) {
    let name = format!("{}-{}", writes.marshaler.replace('_', "-"), writes.compression);
    let deployment = Deployment::create(&name).await;
    let _ingesting = deployment.ingesting();
    let collector = Collector::start(&deployment.aws, &deployment.bucket, writes).await;
    let application = Application::start(&collector);
    deployment.evaluate_at(Timestamp::now()).await;
    let mut logins = application.logins(2).await;
    application.break_token();
    logins.extend(application.logins(6).await);
    let failed_by = Timestamp::now();
    application.stop();

    let rows = wait::until("the logins lie in spans/", async || {
        let rows = Files::of(&deployment.bucket, "spans/").await.query(STORED);
        (rows.len() >= logins.len()).then_some(rows)
    })
    .await;
    let expected: Vec<_> = logins
        .iter()
        .map(|login| {
            let ids = (&login.trace_id, &login.span_id);
            if login.status == 200 {
                json!([
                    ids.0,
                    ids.1,
                    "auth-service",
                    "server",
                    "unset",
                    "200",
                    null,
                    "True",
                    "0",
                    "shop.auth"
                ])
            } else {
                let error = "AuthenticationError";
                json!([
                    ids.0,
                    ids.1,
                    "auth-service",
                    "server",
                    "error",
                    "401",
                    error,
                    "True",
                    "1",
                    "shop.auth"
                ])
            }
        })
        .collect();
    assert_eq!(json!(rows), json!(expected));
    let keys = deployment.bucket.list("raw/").await;
    assert!(!keys.is_empty() && keys.iter().all(|key| key.ends_with(&writes.suffix())), "{keys:?}");

    sleep_until(failed_by + Duration::from_secs(1)).await;
    deployment.evaluate_at(Timestamp::now()).await;
    let told = notifications(&deployment.records).await;
    assert_eq!(
        told.iter().map(|it| (it.event, it.rule.as_deref())).collect::<Vec<_>>(),
        [(Event::Firing, Some("AuthFailuresRule"))]
    );
    assert!(deployment.bucket.list("quarantine/").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn json_plain() {
    let writes = Writes { configuration: "agent", marshaler: "otlp_json", compression: "none" };
    the_same_spans_and_alert(writes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_gzip() {
    let writes = Writes { configuration: "gateway", marshaler: "otlp_json", compression: "gzip" };
    the_same_spans_and_alert(writes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn json_zstd() {
    let writes = Writes { configuration: "agent", marshaler: "otlp_json", compression: "zstd" };
    the_same_spans_and_alert(writes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn protobuf_plain() {
    let writes = Writes { configuration: "gateway", marshaler: "otlp_proto", compression: "none" };
    the_same_spans_and_alert(writes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn protobuf_gzip() {
    let writes = Writes { configuration: "gateway", marshaler: "otlp_proto", compression: "gzip" };
    the_same_spans_and_alert(writes).await;
}
