//! Attribute values in JSON: what each becomes in canonical text, or why its span is set aside.

use fluo_spans::{Limits, Reason};

use super::decode;

fn document(value: &str) -> String {
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"5b8efff798038103d269b633813fc60c",
        "spanId":"eee19b7ec3c1b174","endTimeUnixNano":1,"attributes":[{{"key":"a","value":{value}}}]}}]}}]}}]}}"#
    )
}

#[test]
fn values() {
    const MALFORMED: Result<&str, Reason> = Err(Reason::MalformedSpan);
    let cases = [
        (r#"{"stringValue":"401"}"#, Ok("401")),
        (r#"{"stringValue":""}"#, Ok("")),
        (r#"{"stringValue":null}"#, Ok("")),
        (r#"{"string_value":"x"}"#, Ok("x")),
        (r#"{"stringValue":401}"#, MALFORMED),
        (r#"{"intValue":"401"}"#, Ok("401")),
        (r#"{"intValue":401}"#, Ok("401")),
        (r#"{"intValue":401.0}"#, Ok("401")),
        (r#"{"intValue":"4.01e2"}"#, Ok("401")),
        (r#"{"intValue":401.5}"#, MALFORMED),
        (r#"{"intValue":"-9223372036854775808"}"#, Ok("-9223372036854775808")),
        (r#"{"intValue":18446744073709551615}"#, Ok("18446744073709551615")),
        (r#"{"intValue":"18446744073709551616"}"#, MALFORMED),
        (r#"{"intValue":"-9223372036854775809"}"#, MALFORMED),
        (r#"{"intValue":"four"}"#, MALFORMED),
        (r#"{"intValue":""}"#, MALFORMED),
        (r#"{"int_value":5}"#, Ok("5")),
        (r#"{"boolValue":true}"#, Ok("true")),
        (r#"{"boolValue":"false"}"#, Ok("false")),
        (r#"{"boolValue":1}"#, MALFORMED),
        (r#"{"doubleValue":0.5}"#, Ok("0.5")),
        (r#"{"doubleValue":5}"#, Ok("5")),
        (r#"{"doubleValue":"1.5"}"#, Ok("1.5")),
        (r#"{"doubleValue":-0.0}"#, Ok("0")),
        (r#"{"doubleValue":1E+300}"#, Ok("1e300")),
        (r#"{"doubleValue":1e999}"#, Ok("Infinity")),
        (r#"{"doubleValue":"NaN"}"#, Ok("NaN")),
        (r#"{"doubleValue":NaN}"#, Ok("NaN")),
        (r#"{"doubleValue":-Infinity}"#, Ok("-Infinity")),
        (r#"{"doubleValue":"Infinity"}"#, Ok("Infinity")),
        (r#"{"doubleValue":"nan"}"#, MALFORMED),
        (r#"{"doubleValue":"1.2.3"}"#, MALFORMED),
        (r#"{"doubleValue":1.2.3}"#, MALFORMED),
        (r#"{"bytesValue":"AQID"}"#, Ok("AQID")),
        (r#"{"bytesValue":"-_8"}"#, Ok("+/8=")),
        (r#"{"bytesValue":"!"}"#, MALFORMED),
        (r#"{"arrayValue":{}}"#, Ok("[]")),
        (r#"{"arrayValue":{"values":null}}"#, Ok("[]")),
        (r#"{"arrayValue":null}"#, Ok("")),
        (
            r#"{"arrayValue":{"values":[{"stringValue":"a\"b"},{"intValue":"1"},{},null,{"doubleValue":"NaN"}]}}"#,
            Ok(r#"["a\"b",1,null,null,"NaN"]"#),
        ),
        (r#"{"arrayValue":{"values":[1]}}"#, MALFORMED),
        (r#"{"array_value":{"values":[{"bool_value":true}]}}"#, Ok("[true]")),
        (r#"{"kvlistValue":{}}"#, Ok("{}")),
        (
            r#"{"kvlistValue":{"values":[{"key":"b","value":{"intValue":1}},{"value":{"intValue":2}},{"key":"b"}]}}"#,
            Ok(r#"{"":2,"b":null}"#),
        ),
        (r#"{"stringValue":"a","intValue":"1"}"#, Ok("1")),
        (r#"{"intValue":"1","stringValue":null}"#, Ok("1")),
        (r#"{"futureValue":{"x":[1]}}"#, Ok("")),
        ("{}", Ok("")),
        ("null", Ok("")),
        ("5", MALFORMED),
    ];
    for (value, expected) in cases {
        let decoded = decode(document(value).as_bytes());
        let text = decoded.spans.first().and_then(|span| span.attributes.get("a"));
        let reason = decoded.set_aside.iter().next().map(|(reason, _)| reason);
        assert_eq!(text.ok_or(reason), expected.map_err(Some), "{value}");
    }
}

fn nested(levels: usize) -> String {
    let open = r#"{"arrayValue":{"values":["#.repeat(levels);
    document(&format!("{open}{}", "]}}".repeat(levels)))
}

#[test]
fn nesting_is_bounded() {
    let limits = Limits { max_depth: 3, ..Limits::default() };
    let at = |levels| fluo_spans::decode(nested(levels).as_bytes(), &limits).unwrap();
    assert_eq!(at(3).spans[0].attributes.get("a"), Some("[[[]]]"));
    assert_eq!(at(4).set_aside.get(Reason::NestedTooDeep), 1);
    let bomb = decode(nested(200_000).as_bytes());
    assert_eq!(bomb.set_aside.get(Reason::NestedTooDeep), 1);
    // A limit that is no limit is still one.
    let unlimited = Limits { max_depth: usize::MAX, ..Limits::default() };
    let bomb = fluo_spans::decode(nested(200_000).as_bytes(), &unlimited).unwrap();
    assert_eq!(bomb.set_aside.get(Reason::NestedTooDeep), 1);
}

#[test]
fn the_deepest_value_is_still_read_as_an_array() {
    let unlimited = Limits { max_depth: usize::MAX, ..Limits::default() };
    let decoded = fluo_spans::decode(nested(100).as_bytes(), &unlimited).unwrap();
    let text = decoded.spans[0].attributes.get("a").unwrap();
    assert_eq!(fluo_spans::text::array(text).map(|elements| elements.len()), Some(1));
}
