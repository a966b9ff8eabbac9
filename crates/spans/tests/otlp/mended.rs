//! A wrong value costs itself: in both encodings, at every level, the span counts.
//!
//! Each case stands between two good spans of the same resource and scope, and is decoded from JSON and from protobuf.

use fluo_spans::Decoded;
use fluo_spans::span::{Kind, Span, Status};

use super::wire::{field, fixed64, varint_field};
use super::{decode, mended, names, set_aside};

const TRACE: [u8; 16] = [7; 16];
const SPAN: [u8; 8] = [9; 8];

/// A fact that must hold of the mended span.
type Check = fn(&Span) -> bool;

/// JSON and protobuf that say the same wrong thing.
struct Both {
    json: Vec<u8>,
    protobuf: Vec<u8>,
}

fn both(json: impl Into<Vec<u8>>, protobuf: impl Into<Vec<u8>>) -> Both {
    Both { json: json.into(), protobuf: protobuf.into() }
}

/// A request of three spans `before`, `case` and `after`, with more members (fields) in the resource, the scope and the
/// one in the middle. Members given twice: the last wins.
fn requests(resource: &Both, scope: &Both, span: &Both) -> [Vec<u8>; 2] {
    let ids = r#""traceId":"07070707070707070707070707070707","spanId":"0909090909090909""#;
    let one = |name: &str, members: &[u8]| {
        let good = format!(r#"{{{ids},"startTimeUnixNano":"1000","endTimeUnixNano":"2000","name":"{name}""#);
        let comma: &[u8] = if members.is_empty() { b"" } else { b"," };
        [good.as_bytes(), comma, members, b"}"].concat()
    };
    let object = |members: &[u8]| {
        [&b"{\"x\":0"[..], if members.is_empty() { &b""[..] } else { b"," }, members, b"}"].concat()
    };
    let json = [
        br#"{"resourceSpans":[{"resource":"#.to_vec(),
        object(&resource.json),
        br#","scopeSpans":[{"scope":"#.to_vec(),
        object(&scope.json),
        br#","spans":["#.to_vec(),
        one("before", b""),
        b",".to_vec(),
        one("case", &span.json),
        b",".to_vec(),
        one("after", b""),
        b"]}]}]}".to_vec(),
    ];
    let one = |name: &str, fields: &[u8]| {
        let good = [
            field(1, &TRACE),
            field(2, &SPAN),
            field(5, name.as_bytes()),
            fixed64(7, 1_000),
            fixed64(8, 2_000),
            fields.to_vec(),
        ];
        field(2, &good.concat())
    };
    let spans = [one("before", b""), one("case", &span.protobuf), one("after", b"")].concat();
    let scope_spans = field(2, &[field(1, &scope.protobuf), spans].concat());
    [json.concat(), field(1, &[field(1, &resource.protobuf), scope_spans].concat())]
}

fn nothing() -> Both {
    both("", "")
}

/// The span in the middle, after all that must hold of the three.
fn case(scenario: &str, decoded: &Decoded) -> Span {
    assert_eq!(set_aside(decoded), [], "{scenario}");
    assert_eq!(decoded.spans.len(), 3, "{scenario}");
    assert_eq!((names(decoded)[0], names(decoded)[2]), ("before", "after"), "{scenario}");
    decoded.spans[1].clone()
}

/// A `KeyValue` with key `a` in protobuf.
fn pair(value: &[u8]) -> Vec<u8> {
    [field(1, b"a"), field(2, value)].concat()
}

#[test]
fn a_field_of_a_span_costs_itself() {
    let cases: Vec<(&str, Both, &[&str], Check)> = vec![
        (
            "name that is not UTF-8",
            both(b"\"name\":\"caf\xe9\"", field(5, b"caf\xe9")),
            &["text that is not UTF-8"],
            |span| span.name == "caf\u{fffd}",
        ),
        ("name that is a number", both(r#""name":5"#, varint_field(5, 5)), &["value of another type"], |span| {
            span.name == "5"
        }),
        ("name that is no value", both(r#""name":{"a":["}"]}"#, [0x2b, 0x2c]), &["value without a meaning"], |span| {
            span.name.is_empty()
        }),
        (
            "trace state that is not UTF-8",
            both(b"\"traceState\":\"\xff\"", field(3, b"\xff")),
            &["text that is not UTF-8"],
            |span| span.trace_state == "\u{fffd}",
        ),
        (
            "short parent",
            both(r#""parentSpanId":"ee""#, field(4, &[0xee])),
            &["malformed parent span id"],
            |span| span.parent_span_id.is_none(),
        ),
        (
            "parent that is a number",
            both(r#""parentSpanId":7"#, varint_field(4, 7)),
            &["malformed parent span id"],
            |span| span.parent_span_id.is_none(),
        ),
        ("kind that is a list", both(r#""kind":[2]"#, [0x33, 0x34]), &["value without a meaning"], |span| {
            span.kind == Kind::Unspecified
        }),
        ("kind beyond OTLP's", both(r#""kind":77"#, varint_field(6, 77)), &["unknown kind or status"], |span| {
            span.kind == Kind::Unspecified
        }),
        (
            "kind below OTLP's",
            both(r#""kind":-1"#, varint_field(6, u64::MAX)),
            &["unknown kind or status"],
            |span| span.kind == Kind::Unspecified,
        ),
        (
            "kind by a name that is none",
            both(r#""kind":"SPAN_KIND_QUEEN""#, field(6, b"SPAN_KIND_QUEEN")),
            &["unknown kind or status"],
            |span| span.kind == Kind::Unspecified,
        ),
        (
            "status that is a number",
            both(r#""status":2"#, varint_field(15, 2)),
            &["value of another type"],
            |span| span.status == Status::Error,
        ),
        (
            "status that is no value",
            both(r#""status":[2]"#, [0x7b, 0x7c]),
            &["value of another type", "value without a meaning"],
            |span| span.status == Status::Unset,
        ),
        (
            "status code beyond OTLP's, and a message that is not UTF-8",
            both(
                b"\"status\":{\"code\":9,\"message\":\"\xff\"}",
                field(15, &[varint_field(3, 9), field(2, b"\xff")].concat()),
            ),
            &["text that is not UTF-8", "unknown kind or status"],
            |span| span.status == Status::Unset && span.status_message == "\u{fffd}",
        ),
        (
            "start after the end",
            both(r#""startTimeUnixNano":"2001""#, fixed64(7, 2_001)),
            &["end before start"],
            |span| (span.start_ns, span.end_ns) == (2_000, 2_000),
        ),
        (
            "start beyond i64",
            both(r#""startTimeUnixNano":"9223372036854775808""#, fixed64(7, 1 << 63)),
            &["end before start"],
            |span| span.start_ns == 2_000,
        ),
        (
            "no start",
            both(r#""startTimeUnixNano":0"#, fixed64(7, 0)),
            &["missing start time"],
            |span| span.start_ns == 2_000,
        ),
        (
            "start that is no time",
            both(r#""startTimeUnixNano":"noon""#, field(7, b"noon")),
            &["missing start time"],
            |span| span.start_ns == 2_000,
        ),
        (
            "negative count",
            both(r#""droppedAttributesCount":-1"#, varint_field(10, u64::MAX)),
            &["count or flags out of range"],
            |span| span.dropped_attributes == 0,
        ),
        (
            "count beyond 32 bits",
            both(r#""droppedLinksCount":4294967296"#, varint_field(14, 1 << 32)),
            &["count or flags out of range"],
            |span| span.dropped_links == i32::MAX.unsigned_abs(),
        ),
        (
            "count that is text",
            both(r#""droppedEventsCount":"some""#, field(12, b"some")),
            &["value without a meaning"],
            |span| span.dropped_events == 0,
        ),
        (
            "negative flags",
            both(r#""flags":-1"#, varint_field(16, u64::MAX)),
            &["count or flags out of range"],
            |span| span.flags == 0,
        ),
        (
            "flags beyond 32 bits",
            both(r#""flags":4294967296"#, fixed64(16, 1 << 32)),
            &["count or flags out of range"],
            |span| span.flags == 0,
        ),
        ("attribute that is none", both(r#""attributes":[1]"#, varint_field(9, 1)), &["value without a meaning"], |span| {
            span.attributes.is_empty()
        }),
        (
            "link with a short id",
            both(
                r#""links":[{"traceId":"5b","spanId":"0909090909090909"},{"traceId":""}]"#,
                [field(13, &[field(1, &[0x5b]), field(2, &SPAN)].concat()), field(13, b"")].concat(),
            ),
            &["malformed link"],
            |span| span.links.len() == 1 && span.dropped_links == 1,
        ),
        (
            "link whose id is a list",
            both(r#""links":[{"traceId":[1,2]}]"#, field(13, &[0x0b, 0x0c])),
            &["malformed link"],
            |span| span.links.is_empty() && span.dropped_links == 1,
        ),
        (
            "link that is none",
            both(r#""links":[[],{}]"#, [varint_field(13, 1), field(13, b"")].concat()),
            &["malformed link"],
            |span| span.links.len() == 1,
        ),
        (
            "event beyond i64",
            both(
                r#""events":[{"timeUnixNano":"9223372036854775808"},{"name":"e"}],"droppedEventsCount":3"#,
                [field(11, &fixed64(1, 1 << 63)), field(11, &field(2, b"e")), varint_field(12, 3)].concat(),
            ),
            &["malformed event"],
            |span| span.events.len() == 1 && span.dropped_events == 4,
        ),
        (
            "event at a time that is none",
            both(r#""events":[{"timeUnixNano":"noon"}]"#, field(11, &field(1, b"noon"))),
            &["malformed event"],
            |span| span.events.is_empty(),
        ),
        ("event that is none", both(r#""events":["e"]"#, varint_field(11, 1)), &["malformed event"], |span| {
            span.events.is_empty() && span.dropped_events == 1
        }),
        (
            "name and attribute of an event",
            both(
                b"\"events\":[{\"name\":\"\xff\",\"attributes\":[{\"key\":\"a\",\"value\":{\"stringValue\":\"\xff\"}}]}]",
                field(11, &[field(2, b"\xff"), field(3, &pair(&field(1, b"\xff")))].concat()),
            ),
            &["text that is not UTF-8"],
            |span| span.events[0].name == "\u{fffd}" && span.events[0].attributes.get("a") == Some("\u{fffd}"),
        ),
        (
            "trace state and attribute of a link",
            both(
                b"\"links\":[{\"traceState\":7,\"attributes\":[{\"key\":\"a\",\"value\":{\"stringValue\":\"\xff\"}}]}]",
                field(13, &[varint_field(3, 7), field(4, &pair(&field(1, b"\xff")))].concat()),
            ),
            &["text that is not UTF-8", "value of another type"],
            |span| span.links[0].trace_state == "7" && span.links[0].attributes.get("a") == Some("\u{fffd}"),
        ),
    ];
    for (scenario, both, expected, holds) in cases {
        let read = requests(&nothing(), &nothing(), &both).map(|bytes| {
            let decoded = decode(&bytes);
            let counts: Vec<_> = expected.iter().map(|reason| (*reason, 1)).collect();
            assert_eq!(mended(&decoded), counts, "{scenario}");
            assert_eq!(decoded.mended.counts().spans, 1, "{scenario}");
            let span = case(scenario, &decoded);
            assert!(holds(&span), "{scenario}: {span:?}");
            span
        });
        assert_eq!(read[0], read[1], "{scenario}");
    }
}

#[test]
fn an_attributes_value_is_read_by_its_meaning_or_left_out() {
    const OTHER: &[&str] = &["value of another type"];
    const NONE: &[&str] = &["value without a meaning"];
    let array = |elements: &[u8]| field(5, elements);
    let map = |members: &[u8]| field(6, members);
    let cases: Vec<(&str, Both, Option<&str>, &[&str])> = vec![
        (
            "text that is not UTF-8",
            both(b"{\"stringValue\":\"x\xc3\"}", field(1, b"x\xc3")),
            Some("x\u{fffd}"),
            &["text that is not UTF-8"],
        ),
        ("text that is a number", both(r#"{"stringValue":7}"#, varint_field(1, 7)), Some("7"), OTHER),
        ("text that is no value", both(r#"{"stringValue":[]}"#, [0x0b, 0x0c]), None, NONE),
        ("integer in text", both(r#"{"intValue":"401"}"#, varint_field(3, 401)), Some("401"), &[]),
        ("integer that is a word", both(r#"{"intValue":"four"}"#, field(3, b"four")), Some("four"), OTHER),
        ("integer that is empty", both(r#"{"intValue":""}"#, field(3, b"")), Some(""), OTHER),
        ("integer with a fraction", both(r#"{"intValue":"1.5"}"#, field(3, b"1.5")), Some("1.5"), OTHER),
        (
            "integer beyond 64 bits",
            both(r#"{"intValue":"18446744073709551616"}"#, field(3, b"18446744073709551616")),
            Some("18446744073709551616"),
            OTHER,
        ),
        ("integer that is no value", both(r#"{"intValue":{}}"#, [0x1b, 0x1c]), None, NONE),
        ("boolean that is text", both(r#"{"boolValue":"true"}"#, field(2, b"True")), Some("true"), OTHER),
        ("boolean that is a word", both(r#"{"boolValue":"yes"}"#, field(2, b"yes")), Some("yes"), OTHER),
        (
            "double that is a word",
            both(r#"{"doubleValue":"1.2.3"}"#, field(4, b"1.2.3")),
            Some("1.2.3"),
            OTHER,
        ),
        ("double that is an integer", both(r#"{"doubleValue":"5"}"#, field(4, b"5")), Some("5"), OTHER),
        ("array that is text", both(r#"{"arrayValue":"3"}"#, varint_field(5, 3)), Some("3"), OTHER),
        (
            "element that is not UTF-8",
            both(
                b"{\"arrayValue\":{\"values\":[{\"stringValue\":\"\xff\"},{\"intValue\":1}]}}",
                array(&[field(1, &field(1, b"\xff")), field(1, &varint_field(3, 1))].concat()),
            ),
            Some("[\"\u{fffd}\",1]"),
            &["text that is not UTF-8"],
        ),
        (
            "element that is no value",
            both(
                r#"{"arrayValue":{"values":[{"stringValue":{}},{"intValue":1}]}}"#,
                array(&[field(1, &[0x0b, 0x0c]), field(1, &varint_field(3, 1))].concat()),
            ),
            Some("[null,1]"),
            NONE,
        ),
        (
            "member that is no value",
            both(
                r#"{"kvlistValue":{"values":[{"key":"a","value":{"stringValue":{}}},{"key":"b","value":{"intValue":1}}]}}"#,
                map(&[
                    field(1, &pair(&[0x0b, 0x0c])),
                    field(1, &[field(1, b"b"), field(2, &varint_field(3, 1))].concat()),
                ]
                .concat()),
            ),
            Some(r#"{"b":1}"#),
            NONE,
        ),
        (
            "member whose key is not UTF-8",
            both(
                b"{\"kvlistValue\":{\"values\":[{\"key\":\"\xff\",\"value\":{\"intValue\":1}}]}}",
                map(&field(1, &[field(1, b"\xff"), field(2, &varint_field(3, 1))].concat())),
            ),
            Some("{\"\u{fffd}\":1}"),
            &["text that is not UTF-8"],
        ),
    ];
    for (scenario, value, text, expected) in cases {
        let json =
            [b"\"attributes\":[{\"key\":\"a\",\"value\":", &value.json[..], b"},{\"key\":\"z\"}]"].concat();
        let both = both(json, [field(9, &pair(&value.protobuf)), field(9, &field(1, b"z"))].concat());
        for (bytes, encoding) in requests(&nothing(), &nothing(), &both).iter().zip(["JSON", "protobuf"]) {
            let decoded = decode(bytes);
            let span = case(scenario, &decoded);
            assert_eq!(span.attributes.get("a"), text, "{scenario}, {encoding}");
            assert_eq!(span.attributes.get("z"), Some(""), "its neighbour: {scenario}, {encoding}");
            assert_eq!(span.dropped_attributes, u32::from(text.is_none()), "{scenario}, {encoding}");
            // Protobuf has numbers where JSON has them in text.
            if !(encoding == "JSON" && scenario == "double that is an integer"
                || scenario == "integer with a fraction")
            {
                let reasons: Vec<_> = mended(&decoded).iter().map(|(reason, _)| *reason).collect();
                assert_eq!(reasons, expected, "{scenario}, {encoding}");
            }
        }
    }
}

#[test]
fn a_key_is_read_by_its_meaning_or_its_attribute_left_out() {
    let value = || field(2, &varint_field(3, 1));
    let cases: Vec<(&str, Both, Option<&str>, &str)> = vec![
        ("not UTF-8", both(b"\"\xff\"", field(1, b"\xff")), Some("\u{fffd}"), "text that is not UTF-8"),
        ("a number", both("1", varint_field(1, 1)), Some("1"), "value of another type"),
        ("no value", both("[]", [0x0b, 0x0c]), None, "value without a meaning"),
    ];
    for (scenario, key, expected, reason) in cases {
        let json = [b"\"attributes\":[{\"key\":", &key.json[..], b",\"value\":{\"intValue\":1}}]"].concat();
        let both = both(json, field(9, &[key.protobuf, value()].concat()));
        for bytes in requests(&nothing(), &nothing(), &both) {
            let decoded = decode(&bytes);
            let span = case(scenario, &decoded);
            assert_eq!(span.attributes.iter().next(), expected.map(|key| (key, "1")), "{scenario}");
            assert_eq!(mended(&decoded), [(reason, 1)], "{scenario}");
        }
    }
}

#[test]
fn a_resource_or_scope_costs_no_span() {
    let text =
        |key: &str, value: &[u8]| field(1, &[field(1, key.as_bytes()), field(2, &field(1, value))].concat());
    let service = r#"{"key":"service.name","value":{"stringValue":"shop"}}"#;
    let resource = [
        br#""attributes":["#.to_vec(),
        service.as_bytes().to_vec(),
        b",{\"key\":\"process.command_line\",\"value\":{\"stringValue\":\"x\xc3\"}}".to_vec(),
        b",{\"key\":\"pid\",\"value\":{\"intValue\":1.5}},{\"key\":\"port\",\"value\":{\"stringValue\":7}}]"
            .to_vec(),
    ];
    let protobuf = [
        text("service.name", b"shop"),
        text("process.command_line", b"x\xc3"),
        field(1, &[field(1, b"pid"), field(2, &fixed64(4, 1.5_f64.to_bits()))].concat()),
        field(1, &[field(1, b"port"), field(2, &varint_field(1, 7))].concat()),
    ];
    let scope =
        both(b"\"name\":\"li\xff\",\"version\":1", [field(1, b"li\xff"), varint_field(2, 1)].concat());
    let requests = requests(&both(resource.concat(), protobuf.concat()), &scope, &nothing());
    let read = requests.map(|bytes| {
        let decoded = decode(&bytes);
        assert_eq!(names(&decoded), ["before", "case", "after"]);
        assert_eq!(set_aside(&decoded), []);
        // Copies of one span are one: its key is what all three share.
        assert_eq!(mended(&decoded), [("text that is not UTF-8", 1), ("value of another type", 1)]);
        let span = &decoded.spans[2];
        assert_eq!(span.resource.service_name.as_deref(), Some("shop"));
        let attributes: Vec<_> = span.resource.attributes.iter().collect();
        assert_eq!(attributes, [("pid", "1.5"), ("port", "7"), ("process.command_line", "x\u{fffd}")]);
        assert_eq!((span.scope.name.as_str(), span.scope.version.as_str()), ("li\u{fffd}", "1"));
        decoded.spans
    });
    assert_eq!(read[0], read[1]);
}

#[test]
fn a_resource_or_scope_that_is_none_costs_no_span() {
    let spans = r#"[{"traceId":"07070707070707070707070707070707","spanId":"0909090909090909","startTimeUnixNano":1,"endTimeUnixNano":2,"name":"n"}]"#;
    for (resource, scope) in
        [("5", r#"{"name":"lib"}"#), (r#"{"attributes":"x"}"#, "null"), ("{}", "[1]"), ("[]", "\"lib\"")]
    {
        let text = format!(
            r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":{spans},"scope":{scope}}}],"resource":{resource}}}]}}"#
        );
        let decoded = decode(text.as_bytes());
        assert_eq!((names(&decoded), set_aside(&decoded)), (vec!["n"], vec![]), "{text}");
        assert_eq!(mended(&decoded), [("value without a meaning", 1)], "{text}");
    }
    let span =
        field(2, &[field(1, &TRACE), field(2, &SPAN), fixed64(7, 1), fixed64(8, 2), field(5, b"n")].concat());
    let broken = field(1, &[0x0a, 9]);
    for (resource, scope, reason) in [
        (varint_field(1, 5), field(1, b""), "value without a meaning"),
        (field(1, b""), varint_field(1, 5), "value without a meaning"),
        (broken.clone(), field(1, b""), "message that breaks off"),
        (field(1, &broken), broken.clone(), "message that breaks off"),
    ] {
        let request = field(1, &[field(2, &[span.clone(), scope].concat()), resource].concat());
        let decoded = decode(&request);
        assert_eq!((names(&decoded), set_aside(&decoded)), (vec!["n"], vec![]));
        assert_eq!(mended(&decoded), [(reason, 1)]);
    }
}

#[test]
fn a_message_that_breaks_off_inside_of_its_length_keeps_what_stands_before() {
    let cut: &[u8] = &[0x2a, 200, 1, b'x'];
    let cases: [(&str, Vec<u8>, Check); 8] = [
        ("span", cut.to_vec(), |span| span.name == "case"),
        ("field number 0", vec![0x00], |span| span.name == "case"),
        ("group that does not end", vec![0x9b, 0x06, 0x08, 1], |span| span.name == "case"),
        ("attribute", field(9, &[field(1, b"a"), vec![0x12, 9, 1]].concat()), |span| {
            span.attributes.is_empty() && span.dropped_attributes == 1
        }),
        ("value", field(9, &pair(&[0x0a, 9, b'x'])), |span| span.attributes.is_empty()),
        (
            "part of an array",
            field(9, &pair(&field(5, &[field(1, &varint_field(3, 1)), vec![0x0a, 9]].concat()))),
            |span| span.attributes.is_empty(),
        ),
        ("event", field(11, &[fixed64(1, 5), field(2, b"e"), vec![0x1a, 9]].concat()), |span| {
            span.events[0].time_ns == 5 && span.events[0].name == "e"
        }),
        ("status", field(15, &[varint_field(3, 2), vec![0x12, 9]].concat()), |span| {
            span.status == Status::Error
        }),
    ];
    for (scenario, fields, holds) in cases {
        let [_, protobuf] = requests(&nothing(), &nothing(), &both("", fields));
        let decoded = decode(&protobuf);
        let span = case(scenario, &decoded);
        assert!(holds(&span), "{scenario}: {span:?}");
        assert_eq!(mended(&decoded), [("message that breaks off", 1)], "{scenario}");
    }
}

#[test]
fn plain_json_in_place_of_otlps_is_read_for_what_it_is() {
    let cases = [
        (
            r#""attributes":{"a":1,"b":"x","c":{"intValue":"2"},"d":[true,null]}"#,
            vec![("a", "1"), ("b", "x"), ("c", "2"), ("d", "[true,null]")],
        ),
        (
            r#""attributes":[{"key":"a","value":"x"},{"key":"b","value":[1,{"stringValue":"y"}]}]"#,
            vec![("a", "x"), ("b", r#"[1,"y"]"#)],
        ),
        (
            r#""attributes":[{"key":"a","value":{"arrayValue":[{"intValue":1}]}},{"key":"b","value":{"kvlistValue":{"values":{"k":1}}}}]"#,
            vec![("a", "[1]"), ("b", r#"{"k":1}"#)],
        ),
    ];
    for (members, expected) in cases {
        let [json, _] = requests(&nothing(), &nothing(), &both(members, ""));
        let decoded = decode(&json);
        let span = case(members, &decoded);
        assert_eq!(span.attributes.iter().collect::<Vec<_>>(), expected, "{members}");
        assert_eq!(mended(&decoded), [("value of another type", 1)], "{members}");
    }
}

#[test]
fn ids_in_text_are_read_from_protobuf_too() {
    let fields = [
        field(1, b"5B8efff798038103d269b633813fc60c"),
        field(2, b"7uGbfsPBsXQ="),
        field(4, b"eee19b7ec3c1b174"),
    ];
    let [_, protobuf] = requests(&nothing(), &nothing(), &both("", fields.concat()));
    let decoded = decode(&protobuf);
    let span = case("ids", &decoded);
    assert_eq!((span.trace_id[0], span.span_id[7]), (0x5b, 0x74));
    assert_eq!(span.parent_span_id.map(|parent| parent[0]), Some(0xee));
    assert_eq!(mended(&decoded), [("value of another type", 1)]);
}

#[test]
fn one_byte_of_a_resource_costs_none_of_ten_thousand_spans() {
    let spans: Vec<u8> = (1..=10_000_u64)
        .flat_map(|number| {
            let span = [field(1, &TRACE), field(2, &number.to_be_bytes()), fixed64(7, 1), fixed64(8, 2)];
            field(2, &span.concat())
        })
        .collect();
    let attribute = [field(1, b"process.command_line"), field(2, &field(1, b"x\xc3"))].concat();
    let decoded = decode(&field(1, &[field(1, &field(1, &attribute)), field(2, &spans)].concat()));
    assert_eq!((decoded.spans.len(), set_aside(&decoded)), (10_000, vec![]));
    assert_eq!(mended(&decoded), [("text that is not UTF-8", 10_000)]);
}
