//! Payloads of real SDKs and of a real collector (`tests/fixtures/README.md`).

use std::path::{Path, PathBuf};

use fluo_spans::span::{Kind, Span, Status};
use fluo_tests::files::files_below;

use super::{decode, set_aside};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures")
}

pub(crate) fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(name)).unwrap()
}

const PAIRS: [&str; 3] = ["flask_old_semconv", "flask_stable_semconv", "plain_auth_401"];

fn spans_of(name: &str) -> Vec<Span> {
    let decoded = decode(&fixture(name));
    assert!(decoded.set_aside.is_empty(), "{name}");
    decoded.spans
}

#[test]
fn both_encodings_of_a_payload_are_the_same_spans() {
    for name in PAIRS {
        let protobuf = spans_of(&format!("{name}.pb"));
        assert!(!protobuf.is_empty());
        assert_eq!(protobuf, spans_of(&format!("{name}.otlp.json")), "{name}");
    }
}

#[test]
fn a_failed_login_is_read_to_the_last_field() {
    let spans = spans_of("plain_auth_401.pb");
    let login = spans.iter().find(|span| span.name == "POST /login").unwrap();
    assert_eq!(login.trace_id[..2], [0x6f, 0x71]);
    assert_eq!(login.span_id, [0x6c, 0x1b, 0x4a, 0x5a, 0xd5, 0x8c, 0x71, 0x63]);
    assert_eq!((login.kind, login.status, login.parent_span_id), (Kind::Server, Status::Error, None));
    assert_eq!((login.start_ns, login.end_ns), (1_795_348_478_858_714_722, 1_795_348_478_859_509_063));
    assert_eq!((login.scope.name.as_str(), login.scope.version.as_str()), ("auth", "0.1"));
    assert_eq!(login.resource.service_name.as_deref(), Some("auth-service"));
    assert_eq!(login.resource.attributes.get("service.name"), None);
    assert_eq!(login.resource.attributes.get("deployment.environment.name"), Some("test"));
    let attributes: Vec<_> = login.attributes.iter().collect();
    let expected = [
        ("cached", "false"),
        ("error.type", "AuthenticationError"),
        ("http.request.method", "POST"),
        ("http.response.status_code", "401"),
        ("http.status_code", "401"),
        ("ratio", "0.5"),
        ("roles", r#"["a","b"]"#),
        ("user.id", "u-42"),
    ];
    assert_eq!(attributes, expected);
    assert_eq!(login.events.len(), 1);
    assert_eq!(login.events[0].name, "exception");
    assert_eq!(login.events[0].time_ns, 1_795_348_478_859_334_281);
    assert!(login.events[0].attributes.get("exception.type").is_some());
    let lookup = spans.iter().find(|span| span.name == "db.lookup").unwrap();
    assert_eq!(lookup.parent_span_id, Some(login.span_id));
    assert_eq!(lookup.flags, 256);
}

fn sorted(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_by_key(|span| (span.trace_id, span.span_id));
    spans
}

#[test]
fn the_s3_exporters_objects_hold_every_span_twice() {
    let mut expected: Vec<Span> = PAIRS.iter().flat_map(|name| spans_of(&format!("{name}.pb"))).collect();
    expected.extend(expected.clone());
    let expected = sorted(expected);
    let objects = files_below(&fixtures().join("collector/awss3")).unwrap();
    assert_eq!(objects.len(), 3, "json.gz, binpb.zst, json");
    for object in objects {
        let decoded = decode(&std::fs::read(&object).unwrap());
        assert_eq!(set_aside(&decoded), [], "{}", object.display());
        assert_eq!(sorted(decoded.spans), expected, "{}", object.display());
    }
}

#[test]
fn the_file_exporters_four_forms_are_the_same_spans() {
    let expected = sorted(PAIRS.iter().flat_map(|name| spans_of(&format!("{name}.pb"))).collect());
    for form in ["json", "binpb", "json.zst-framed", "binpb.zst-framed"] {
        let spans = spans_of(&format!("collector/file/file_exporter.{form}"));
        assert_eq!(sorted(spans), expected, "{form}");
    }
}

#[test]
fn an_objects_equal_resources_are_one_allocation() {
    let objects = files_below(&fixtures().join("collector/awss3")).unwrap();
    let spans = decode(&std::fs::read(&objects[0]).unwrap()).spans;
    for left in &spans {
        for right in &spans {
            assert_eq!(
                left.resource == right.resource,
                std::sync::Arc::ptr_eq(&left.resource, &right.resource)
            );
        }
    }
}
