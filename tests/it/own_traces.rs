//! Tests what fluo tells a collector of its own work.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use fluo_spans::span::{Kind, Span, Status};
use fluo_spans::{Limits, decode};
use fluo_tests::http::{Answer, Server};
use fluo_tests::program::Ended;

use crate::deployed::Deployment;
use crate::incident::six_failures;

/// Evaluates once, with a collector at this address.
fn tick(deployment: &Deployment, variable: &str, at: &str) -> Ended {
    deployment.shell(&format!("{variable} $FLUO run --once --at 2024-05-01T{at}Z"))
}

/// The spans of all requests.
fn told(server: &Server) -> Vec<Span> {
    let requests = server.requests();
    let decoded = requests.iter().map(|request| decode(&request.bytes, &Limits::default()).unwrap());
    decoded.flat_map(|decoded| decoded.spans).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_evaluation_is_one_trace_of_its_steps() {
    let collector = Server::start([Answer::new(200, ""), Answer::new(200, "")]).await;
    let endpoint = format!("OTEL_EXPORTER_OTLP_ENDPOINT={}", collector.url(""));
    let deployment = Deployment::new();
    tick(&deployment, &endpoint, "12:00:00").expect(0);
    deployment.arrive("failures", 85, &six_failures());
    let before = told(&collector).len();
    tick(&deployment, &endpoint, "12:02:00").expect(0);

    assert_eq!(collector.requests()[0].line, "POST /v1/traces HTTP/1.1");
    let spans = told(&collector).split_off(before);
    let by_id: BTreeMap<_, _> = spans.iter().map(|span| (span.span_id, span)).collect();
    let path = |span: &Span| {
        let mut path = vec![span.name.clone()];
        let mut at = span;
        while let Some(parent) = at.parent_span_id {
            at = by_id[&parent];
            path.insert(0, at.name.clone());
        }
        path.join(" > ")
    };
    let paths: Vec<String> = spans.iter().map(path).collect();
    for expected in [
        "tick",
        "tick > read state",
        "tick > evaluate",
        "tick > evaluate > list files",
        "tick > evaluate > judge rule",
        "tick > replace state",
        "tick > write records",
        "tick > deliver > send",
    ] {
        assert!(paths.iter().any(|path| path == expected), "{expected} in {paths:#?}");
    }
    assert!(spans.iter().all(|span| span.trace_id == spans[0].trace_id && span.status != Status::Error));
    let rule = spans.iter().find(|span| span.name == "judge rule").unwrap();
    assert_eq!(rule.resource.service_name.as_deref(), Some("fluo"));
    assert_eq!(rule.attributes.get("fluo.rule"), Some("AuthFailuresRule"));
    assert_eq!(rule.attributes.get("fluo.violations"), Some("1"));
    let sent = spans.iter().find(|span| span.name == "send").unwrap();
    assert_eq!((sent.kind, sent.attributes.get("fluo.sink")), (Kind::Client, Some("file")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_is_an_error_that_says_why() {
    let collector = Server::start([]).await;
    let config = "store: store\nrules: [rules]\nsinks: [{type: webhook, url: 'http://127.0.0.1:9/'}]\n";
    let deployment = Deployment::with(config);
    deployment.tick("12:00:00").expect(0);
    deployment.arrive("failures", 85, &six_failures());
    tick(&deployment, &format!("OTEL_EXPORTER_OTLP_ENDPOINT={}", collector.url("")), "12:02:00").expect(3);
    let spans = told(&collector);
    let failed = spans.iter().find(|span| span.status == Status::Error).unwrap();
    assert_eq!(failed.name, "send");
    assert!(failed.status_message.contains("no connection"), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_takes_nothing_holds_up_nothing_and_is_told_of() {
    let deployment = Deployment::new();
    let lost = |address: &str, at: &str| {
        let ended = tick(&deployment, &format!("OTEL_EXPORTER_OTLP_ENDPOINT={address}"), at);
        let lost =
            ended.stderr.lines().find(|line| line.contains("of own traces are lost")).map(str::to_owned);
        ended.expect(0);
        lost.unwrap()
    };
    let refusing = Server::start([Answer::new(400, "no")]).await;
    let line = lost(&refusing.url(""), "12:00:00");
    assert!(line.contains("400 Bad Request"), "{line}");
    let line = lost("http://127.0.0.1:9", "12:01:00");
    assert!(line.contains("refused"), "{line}");
    // It is not waited for as long as it asks, nor as long as it is silent.
    let busy = Server::start([Answer::with_header(503, "retry-after: 9")]).await;
    let began = Instant::now();
    let line = lost(&busy.url(""), "12:02:00");
    assert!(line.contains("503 Service Unavailable"), "{line}");
    let silent = Server::start([Answer::Silence]).await;
    let line = lost(&silent.url(""), "12:03:00");
    assert!(line.contains("no answer within 2s"), "{line}");
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
}

#[test]
fn variables_that_cannot_be_followed_are_told_and_evaluation_goes_on() {
    let deployment = Deployment::new();
    for (variables, part) in [
        ("OTEL_EXPORTER_OTLP_ENDPOINT=collector:4318", "no own traces: "),
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317 OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
            "no own traces: OTEL_EXPORTER_OTLP_PROTOCOL can only be `http/protobuf`",
        ),
    ] {
        let ended = tick(&deployment, variables, "12:00:00");
        assert!(ended.stderr.contains(part), "{}", ended.stderr);
        ended.expect(0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_none_has_none() {
    let collector = Server::start([]).await;
    let deployment = Deployment::new();
    for off in ["OTEL_SDK_DISABLED=true", "OTEL_TRACES_EXPORTER=none", "OTEL_EXPORTER_OTLP_ENDPOINT="] {
        let endpoint = format!("OTEL_EXPORTER_OTLP_ENDPOINT={} {off}", collector.url(""));
        tick(&deployment, &endpoint, "12:00:00").expect(0);
    }
    assert_eq!(collector.requests().len(), 0);
}
