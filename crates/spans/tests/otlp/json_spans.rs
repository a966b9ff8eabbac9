//! OTLP JSON as it is met in the wild: each case stands between two good spans, which are always kept.

use fluo_spans::span::{Kind, Span, Status};
use fluo_spans::{Decoded, Reason, Reasoned as _};

use super::{decode, mended, names, set_aside};

const IDS: &str = r#""traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174""#;
const TIMES: &str = r#""startTimeUnixNano":"1000","endTimeUnixNano":"2000""#;

/// A test that must hold of the span between the good ones.
type Check = fn(&Span) -> bool;

/// A document with these span texts between two good spans.
fn around(span: &[u8]) -> Vec<u8> {
    let good = |name: &str| format!(r#"{{{IDS},{TIMES},"name":"{name}"}}"#);
    let mut text = br#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"shop"}}]},"scopeSpans":[{"scope":{"name":"lib"},"spans":["#.to_vec();
    text.extend(good("before").as_bytes());
    text.push(b',');
    text.extend(span);
    text.push(b',');
    text.extend(good("after").as_bytes());
    text.extend(b"]}]}]}");
    text
}

fn between(span: &[u8]) -> (Decoded, Option<Span>) {
    let decoded = decode(&around(span));
    let names = names(&decoded);
    assert_eq!((names.first(), names.last()), (Some(&"before"), Some(&"after")));
    assert!(decoded.spans.iter().all(|span| span.resource.service_name.as_deref() == Some("shop")));
    assert!(decoded.spans.iter().all(|span| span.scope.name == "lib"));
    let middle = (decoded.spans.len() == 3).then(|| decoded.spans[1].clone());
    (decoded, middle)
}

/// A span with a case's members after ids and times, which the case may set again: the last wins.
fn span(members: &str) -> String {
    format!("{{{IDS},{TIMES},{members}}}")
}

#[test]
fn spans_that_are_taken() {
    let id = |trace: &str, span: &str| format!(r#""traceId":"{trace}","spanId":"{span}""#);
    let cases: [(&str, String, Check); 33] = [
        ("nothing but what a span needs", r#""x":0"#.into(), |span| span.name.is_empty()),
        ("ids in upper case", id("5B8EFFF798038103D269B633813FC60C", "EEE19B7EC3C1B174"), |span| {
            span.trace_id[0] == 0x5b && span.span_id[0] == 0xee
        }),
        ("ids in base64", id("W47/95gDgQPSabYzgT/GDA==", "7uGbfsPBsXQ="), |span| {
            span.trace_id[..3] == [0x5b, 0x8e, 0xff] && span.span_id[7] == 0x74
        }),
        ("ids in base64 for URLs, without padding", id("W47_95gDgQPSabYzgT_GDA", "7uGbfsPBsXQ"), |span| {
            span.trace_id[..3] == [0x5b, 0x8e, 0xff] && span.span_id[7] == 0x74
        }),
        ("empty parent", r#""parentSpanId":"""#.into(), |span| span.parent_span_id.is_none()),
        ("null parent", r#""parentSpanId":null"#.into(), |span| span.parent_span_id.is_none()),
        ("all-zero parent", r#""parentSpanId":"0000000000000000""#.into(), |span| {
            span.parent_span_id.is_none()
        }),
        ("parent", r#""parentSpanId":"eee19b7ec3c1b173""#.into(), |span| {
            span.parent_span_id.is_some_and(|parent| parent[7] == 0x73)
        }),
        ("times as numbers", r#""startTimeUnixNano":1,"endTimeUnixNano":2"#.into(), |span| {
            (span.start_ns, span.end_ns) == (1, 2)
        }),
        ("time with an exponent", r#""endTimeUnixNano":1.5e9"#.into(), |span| span.end_ns == 1_500_000_000),
        ("zero duration", r#""startTimeUnixNano":"5","endTimeUnixNano":"5""#.into(), |span| span.end_ns == 5),
        ("the last possible end", r#""endTimeUnixNano":"9223372036854775807""#.into(), |span| {
            span.end_ns == i64::MAX
        }),
        ("kind as number", r#""kind":2"#.into(), |span| span.kind == Kind::Server),
        ("kind as digits", r#""kind":"3""#.into(), |span| span.kind == Kind::Client),
        ("kind by name", r#""kind":"SPAN_KIND_PRODUCER""#.into(), |span| span.kind == Kind::Producer),
        ("kind by short name", r#""kind":"Consumer""#.into(), |span| span.kind == Kind::Consumer),
        ("status as number", r#""status":{"code":2,"message":"no"}"#.into(), |span| {
            span.status == Status::Error && span.status_message == "no"
        }),
        ("status by name", r#""status":{"code":"STATUS_CODE_OK"}"#.into(), |span| span.status == Status::Ok),
        ("empty status", r#""status":{}"#.into(), |span| span.status == Status::Unset),
        ("null status", r#""status":null"#.into(), |span| span.status == Status::Unset),
        ("flags as text", r#""flags":"257""#.into(), |span| span.flags == 257),
        ("null lists", r#""attributes":null,"events":null,"links":null"#.into(), |span| {
            span.attributes.is_empty() && span.events.is_empty() && span.links.is_empty()
        }),
        (
            "unknown fields, however deep",
            r#""future":{"a":[{"b":[[]]},1e999,"\ud800"]},"name":"n""#.into(),
            |span| span.name == "n",
        ),
        ("duplicate keys: the last wins", r#""name":"first","name":"second""#.into(), |span| {
            span.name == "second"
        }),
        (
            "attributes in two lists",
            r#""attributes":[{"key":"a","value":{"intValue":1}}],"attributes":[{"key":"b","value":{"intValue":2}}]"#
                .into(),
            |span| span.attributes.get("a") == Some("1") && span.attributes.get("b") == Some("2"),
        ),
        (
            "duplicate attributes: the last wins",
            r#""attributes":[{"key":"a","value":{"intValue":1}},{"key":"a","value":{"stringValue":"x"}}]"#.into(),
            |span| span.attributes.get("a") == Some("x") && span.attributes.len() == 1,
        ),
        ("an attribute without a key", r#""attributes":[{"value":{"intValue":1}}]"#.into(), |span| {
            span.attributes.get("") == Some("1")
        }),
        ("an attribute without a value", r#""attributes":[{"key":"a"}]"#.into(), |span| {
            span.attributes.get("a") == Some("")
        }),
        (
            "snake case",
            r#""parent_span_id":"eee19b7ec3c1b173","start_time_unix_nano":3,"end_time_unix_nano":"4","trace_state":"a=b","dropped_attributes_count":1,"dropped_events_count":2,"dropped_links_count":"3""#.into(),
            |span| {
                (span.start_ns, span.end_ns, span.trace_state.as_str()) == (3, 4, "a=b")
                    && (span.dropped_attributes, span.dropped_events, span.dropped_links) == (1, 2, 3)
                    && span.parent_span_id.is_some()
            },
        ),
        ("events", r#""events":[{"timeUnixNano":"7","name":"e","attributes":[{"key":"a","value":{"intValue":"1"}}],"x":1},{}]"#.into(), |span| {
            span.events.len() == 2 && span.events[0].time_ns == 7 && span.events[0].attributes.get("a") == Some("1")
        }),
        ("a link of attributes only", r#""links":[{"traceId":"","attributes":[{"key":"a","value":{}}]}]"#.into(), |span| {
            span.links[0].trace_id == [0; 16] && span.links[0].attributes.get("a") == Some("")
        }),
        ("half an emoji", r#""name":"cut \ud83d""#.into(), |span| span.name == "cut \u{fffd}"),
        ("escapes in keys", r#""n\u0061me":"n""#.into(), |span| span.name == "n"),
    ];
    for (scenario, members, holds) in cases {
        let (decoded, middle) = between(span(&members).as_bytes());
        assert_eq!((set_aside(&decoded), mended(&decoded)), (vec![], vec![]), "{scenario}");
        assert!(holds(&middle.unwrap()), "{scenario}: {:?}", decoded.spans[1]);
    }
}

#[test]
fn spans_that_cannot_be_placed() {
    let cases: [(&str, &str, Reason); 21] = [
        ("no trace id", r#""traceId":null"#, Reason::MissingTraceId),
        ("empty trace id", r#""traceId":"""#, Reason::MissingTraceId),
        ("trace id of 64 bits", r#""traceId":"5b8efff798038103""#, Reason::MalformedTraceId),
        (
            "trace id that is not hex",
            r#""traceId":"zb8efff798038103d269b633813fc60c""#,
            Reason::MalformedTraceId,
        ),
        (
            "trace id that is a UUID",
            r#""traceId":"5b8efff7-9803-8103-d269-b633813fc60c""#,
            Reason::MalformedTraceId,
        ),
        ("trace id of zeros", r#""traceId":"00000000000000000000000000000000""#, Reason::ZeroTraceId),
        ("trace id that is a number", r#""traceId":5"#, Reason::MalformedTraceId),
        ("no span id", r#""spanId":null"#, Reason::MissingSpanId),
        ("long span id", r#""spanId":"eee19b7ec3c1b17400""#, Reason::MalformedSpanId),
        ("span id of zeros", r#""spanId":"0000000000000000""#, Reason::ZeroSpanId),
        ("span id that is a list", r#""spanId":[238]"#, Reason::MalformedSpanId),
        ("no end", r#""endTimeUnixNano":null"#, Reason::MissingEnd),
        ("end 0", r#""endTimeUnixNano":"0""#, Reason::MissingEnd),
        ("empty end", r#""endTimeUnixNano":"""#, Reason::MissingEnd),
        ("end beyond i64", r#""endTimeUnixNano":"9223372036854775808""#, Reason::EndOutOfRange),
        ("end beyond u64", r#""endTimeUnixNano":18446744073709551616"#, Reason::EndOutOfRange),
        ("negative end", r#""endTimeUnixNano":-1"#, Reason::MalformedEnd),
        ("end that is a date", r#""endTimeUnixNano":"2026-11-22T00:00:00Z""#, Reason::MalformedEnd),
        ("end with a unit", r#""endTimeUnixNano":"2000ns""#, Reason::MalformedEnd),
        ("end that is a boolean", r#""endTimeUnixNano":true"#, Reason::MalformedEnd),
        (
            "wrong type, then brackets in strings",
            r#""spanId":1,"x":"]}","y":["\"]}"]"#,
            Reason::MalformedSpanId,
        ),
    ];
    for (scenario, members, reason) in cases {
        let (decoded, middle) = between(span(members).as_bytes());
        assert_eq!(middle, None, "{scenario}");
        assert_eq!(set_aside(&decoded), [(reason.as_str(), 1)], "{scenario}");
    }
}

#[test]
fn an_end_with_a_fraction_is_that_nanosecond() {
    let (decoded, middle) = between(span(r#""endTimeUnixNano":2000.5"#).as_bytes());
    assert_eq!(middle.unwrap().end_ns, 2_000);
    assert_eq!(mended(&decoded), [("value of another type", 1)]);
}

#[test]
fn text_that_json_does_not_allow_is_kept_as_it_stands() {
    for (members, name) in [(r#""name":"C:\path""#, "C:\\path"), ("\"name\":\"a\u{1}b\"", "a\u{1}b")] {
        let (decoded, middle) = between(span(members).as_bytes());
        assert_eq!(middle.unwrap().name, name);
        assert_eq!(mended(&decoded), [("text that is not JSON", 1)], "{members}");
    }
}

#[test]
fn what_is_no_object_is_a_malformed_span() {
    for (span, reason) in [
        ("5", Reason::MalformedSpan),
        ("\"x\"", Reason::MalformedSpan),
        ("[[]]", Reason::MalformedSpan),
        ("true", Reason::MalformedSpan),
        ("null", Reason::MissingTraceId),
        ("{}", Reason::MissingTraceId),
    ] {
        assert_eq!(set_aside(&between(span.as_bytes()).0), [(reason.as_str(), 1)], "{span}");
    }
}

#[test]
fn resource_and_scope_may_follow_their_spans() {
    let text = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{IDS},{TIMES}}}],"scope":{{"name":"lib","version":"1"}}}}],
        "resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"shop"}}}}]}}}}]}}"#
    );
    let decoded = decode(text.as_bytes());
    assert_eq!(decoded.spans[0].resource.service_name.as_deref(), Some("shop"));
    assert_eq!((decoded.spans[0].scope.name.as_str(), decoded.spans[0].scope.version.as_str()), ("lib", "1"));
}

#[test]
fn the_older_name_of_scopes_is_read() {
    for (list, library) in [
        ("instrumentationLibrarySpans", "instrumentationLibrary"),
        ("instrumentation_library_spans", "instrumentation_library"),
    ] {
        let text = format!(
            r#"{{"resource_spans":[{{"{list}":[{{"{library}":{{"name":"lib"}},"spans":[{{{IDS},{TIMES}}}]}}]}}]}}"#
        );
        let decoded = decode(text.as_bytes());
        assert_eq!(decoded.spans[0].scope.name, "lib", "{list}");
        assert_eq!(decoded.spans[0].resource.service_name, None);
    }
}

#[test]
fn a_service_name_is_canonical_text_and_the_last_one_counts() {
    let cases = [
        (r#"[{"key":"service.name","value":{"intValue":7}}]"#, Some("7")),
        (r#"[{"key":"service.name","value":{}}]"#, Some("")),
        (
            r#"[{"key":"service.name","value":{"stringValue":"a"}},{"key":"service.name","value":{"stringValue":"b"}}]"#,
            Some("b"),
        ),
        (r#"[{"key":"Service.Name","value":{"stringValue":"a"}}]"#, None),
        ("[]", None),
        ("null", None),
    ];
    for (attributes, expected) in cases {
        let text = format!(
            r#"{{"resourceSpans":[{{"resource":{{"attributes":{attributes}}},"scopeSpans":[{{"spans":[{{{IDS},{TIMES}}}]}}]}}]}}"#
        );
        let decoded = decode(text.as_bytes());
        assert_eq!(decoded.spans[0].resource.service_name.as_deref(), expected, "{attributes}");
        assert_eq!(decoded.spans[0].resource.attributes.get("service.name"), None);
    }
}

#[test]
fn a_part_of_the_structure_that_is_none_costs_itself() {
    let good = format!(r#"{{{IDS},{TIMES},"name":"good"}}"#);
    let whole = format!(r#"{{"scopeSpans":[{{"spans":[{good}]}}]}}"#);
    for part in
        ["5", "[]", r#"{"scopeSpans":{}}"#, r#"{"scopeSpans":[7]}"#, r#"{"scopeSpans":[{"spans":"x"}]}"#]
    {
        let text = format!(r#"{{"resourceSpans":[{whole},{part},{whole}]}}"#);
        let decoded = decode(text.as_bytes());
        assert_eq!(names(&decoded), ["good", "good"], "{part}");
        assert_eq!(set_aside(&decoded), [("unreadable part", 1)], "{part}");
    }
}

#[test]
fn one_broken_among_ten_thousand() {
    let mut spans = vec![span(r#""name":"good""#); 10_000];
    spans[5_000] = span(r#""name":"bad","spanId":{}"#);
    let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{}]}}]}}]}}"#, spans.join(","));
    let decoded = decode(text.as_bytes());
    assert_eq!(decoded.spans.len(), 9_999);
    assert!(decoded.spans.iter().all(|span| span.name == "good"));
    assert_eq!(set_aside(&decoded), [("malformed span id", 1)]);
}
