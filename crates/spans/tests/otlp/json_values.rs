//! Attribute values in JSON: what each becomes in canonical text, and whether it had to be mended.

use fluo_spans::Limits;

use super::{decode, mended};

fn document(value: &str) -> String {
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"5b8efff798038103d269b633813fc60c",
        "spanId":"eee19b7ec3c1b174","startTimeUnixNano":1,"endTimeUnixNano":1,"attributes":[{{"key":"a","value":{value}}}]}}]}}]}}]}}"#
    )
}

#[test]
fn values() {
    // Read by its meaning.
    let other = |text| (Some(text), Some("value of another type"));
    let good = |text| (Some(text), None);
    let left_out = (None, Some("value without a meaning"));
    let cases = [
        (r#"{"stringValue":"401"}"#, good("401")),
        (r#"{"stringValue":""}"#, good("")),
        (r#"{"stringValue":null}"#, good("")),
        (r#"{"string_value":"x"}"#, good("x")),
        (r#"{"stringValue":401}"#, other("401")),
        (r#"{"intValue":"401"}"#, good("401")),
        (r#"{"intValue":401}"#, good("401")),
        (r#"{"intValue":401.0}"#, good("401")),
        (r#"{"intValue":"4.01e2"}"#, good("401")),
        (r#"{"intValue":401.5}"#, other("401.5")),
        (r#"{"intValue":"-9223372036854775808"}"#, good("-9223372036854775808")),
        (r#"{"intValue":18446744073709551615}"#, good("18446744073709551615")),
        (r#"{"intValue":"18446744073709551616"}"#, other("18446744073709551616")),
        (r#"{"intValue":"-9223372036854775809"}"#, other("-9223372036854775809")),
        (r#"{"intValue":"four"}"#, other("four")),
        (r#"{"intValue":""}"#, other("")),
        (r#"{"int_value":5}"#, good("5")),
        (r#"{"boolValue":true}"#, good("true")),
        (r#"{"boolValue":"false"}"#, other("false")),
        (r#"{"boolValue":2}"#, other("2")),
        (r#"{"stringValue":{"a":1}}"#, left_out),
        (r#"{"arrayValue":{"values":7}}"#, left_out),
        (r#"{"boolValue":1}"#, other("true")),
        (r#"{"doubleValue":0.5}"#, good("0.5")),
        (r#"{"doubleValue":5}"#, good("5")),
        (r#"{"doubleValue":"1.5"}"#, good("1.5")),
        (r#"{"doubleValue":-0.0}"#, good("0")),
        (r#"{"doubleValue":1E+300}"#, good("1e300")),
        (r#"{"doubleValue":1e999}"#, good("Infinity")),
        (r#"{"doubleValue":"NaN"}"#, good("NaN")),
        (r#"{"doubleValue":NaN}"#, good("NaN")),
        (r#"{"doubleValue":-Infinity}"#, good("-Infinity")),
        (r#"{"doubleValue":"Infinity"}"#, good("Infinity")),
        (r#"{"doubleValue":"nan"}"#, other("nan")),
        (r#"{"doubleValue":"1.2.3"}"#, other("1.2.3")),
        (r#"{"doubleValue":1.2.3}"#, other("1.2.3")),
        (r#"{"bytesValue":"AQID"}"#, good("AQID")),
        (r#"{"bytesValue":"-_8"}"#, good("+/8=")),
        (r#"{"bytesValue":"!"}"#, other("!")),
        (r#"{"arrayValue":{}}"#, good("[]")),
        (r#"{"arrayValue":{"values":null}}"#, good("[]")),
        (r#"{"arrayValue":null}"#, good("")),
        (
            r#"{"arrayValue":{"values":[{"stringValue":"a\"b"},{"intValue":"1"},{},null,{"doubleValue":"NaN"}]}}"#,
            good(r#"["a\"b",1,null,null,"NaN"]"#),
        ),
        (r#"{"arrayValue":{"values":[1]}}"#, other("[1]")),
        (r#"{"array_value":{"values":[{"bool_value":true}]}}"#, good("[true]")),
        (r#"{"kvlistValue":{}}"#, good("{}")),
        (
            r#"{"kvlistValue":{"values":[{"key":"b","value":{"intValue":1}},{"value":{"intValue":2}},{"key":"b"}]}}"#,
            good(r#"{"":2,"b":null}"#),
        ),
        (r#"{"stringValue":"a","intValue":"1"}"#, good("1")),
        (r#"{"intValue":"1","stringValue":null}"#, good("1")),
        (r#"{"futureValue":{"x":[1]}}"#, good("")),
        ("{}", good("")),
        ("null", good("")),
        ("5", other("5")),
    ];
    for (value, expected) in cases {
        let decoded = decode(document(value).as_bytes());
        let text = decoded.spans[0].attributes.get("a");
        let reason = mended(&decoded).first().map(|(reason, _)| *reason);
        assert_eq!((text, reason), expected, "{value}");
    }
}

fn nested(levels: usize) -> String {
    let open = r#"{"arrayValue":{"values":["#.repeat(levels);
    document(&format!("{open}{}", "]}}".repeat(levels)))
}

#[test]
fn nesting_is_bounded() {
    let bomb = decode(nested(200_000).as_bytes());
    assert_eq!(mended(&bomb), [("value nested too deep", 1)]);
    // A limit that is no limit is still one.
    let unlimited = Limits { max_depth: usize::MAX, ..Limits::default() };
    let bomb = fluo_spans::decode(nested(200_000).as_bytes(), &unlimited).unwrap();
    assert_eq!(mended(&bomb), [("value nested too deep", 1)]);
}

#[test]
fn the_deepest_value_is_still_read_as_an_array() {
    let unlimited = Limits { max_depth: usize::MAX, ..Limits::default() };
    let decoded = fluo_spans::decode(nested(100).as_bytes(), &unlimited).unwrap();
    let text = decoded.spans[0].attributes.get("a").unwrap();
    assert_eq!(fluo_spans::text::array(text).map(|elements| elements.len()), Some(1));
}
