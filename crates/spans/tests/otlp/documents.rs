//! One object, many documents: lines, concatenation, arrays; and what is no document at all.

use std::time::Duration;

use cpu_time::ThreadTime;

use super::{decode, names, refusal, set_aside};

/// The spans' names, and what was set aside.
type Expected<'a> = (&'a [&'a str], &'a [(&'static str, u64)]);

fn document(name: &str) -> String {
    format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","endTimeUnixNano":"1","name":"{name}"}}]}}]}}]}}"#
    )
}

/// The `ResourceSpans` inside.
fn resource_spans(name: &str) -> String {
    document(name).replace(r#"{"resourceSpans":["#, "").strip_suffix("]}").unwrap().to_owned()
}

#[test]
fn documents_in_every_arrangement() {
    let (a, b) = (document("a"), document("b"));
    let (one, two) = (resource_spans("a"), resource_spans("b"));
    let pretty = |text: &str| {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        serde_json::to_string_pretty(&value).unwrap()
    };
    let both: Expected<'_> = (&["a", "b"], &[]);
    let nothing: Expected<'_> = (&[], &[]);
    let cases: [(&str, String, Expected<'_>); 26] = [
        ("one", a.clone(), (&["a"], &[])),
        ("white space around", format!(" \r\n\t{a}\n\n"), (&["a"], &[])),
        ("byte-order mark", format!("\u{feff}{a}"), (&["a"], &[])),
        ("lines", format!("{a}\n{b}\n"), both),
        ("lines of another system", format!("{a}\r\n\r\n{b}\r\n"), both),
        ("files with byte-order marks, concatenated", format!("\u{feff}{a}\n\u{feff}{b}"), both),
        ("concatenated", format!("{a}{b}"), both),
        ("pretty-printed, concatenated", format!("{}\n{}", pretty(&a), pretty(&b)), both),
        ("array of requests", format!("[{a},{b}]"), both),
        ("array of resource spans", format!("[ {one} , {two} ]"), both),
        ("array of both", format!("[{a},{two}]"), both),
        ("lines of arrays", format!("[{one}]\n[{two}]"), both),
        ("lines of resource spans", format!("{one}\n{two}"), both),
        ("empty request", "{}".into(), nothing),
        ("empty lists", r#"{"resourceSpans":[]}{"resourceSpans":null}"#.into(), nothing),
        ("empty array", "[]".into(), nothing),
        ("blank", " \n".into(), nothing),
        ("nothing", String::new(), nothing),
        ("unknown field beside", format!(r#"{{"future":1,{}"#, &a[1..]), (&["a"], &[])),
        (
            "last line cut off",
            format!("{a}\n{b}\n{}", &b[..100]),
            (&["a", "b"], &[("unreadable document", 1)]),
        ),
        (
            "first line cut off",
            format!("{}\n{a}\n{b}\n", &b[..50]),
            (&["a", "b"], &[("unreadable document", 1)]),
        ),
        (
            "line cut off in a string",
            format!("{a}\n{}\n{b}", &b[..b.len() - 20]),
            (&["a", "b"], &[("unreadable document", 1)]),
        ),
        (
            "a line of words",
            format!("{a}\nERROR disk full\n{b}"),
            (&["a", "b"], &[("unreadable document", 1)]),
        ),
        ("a line of logs", format!("{a}\n{{\"resourceLogs\":[{{}}]}}\n{b}"), both),
        (
            "an element that is something else",
            format!(r#"[{a},{{"traceID":"x"}},{b}]"#),
            (&["a", "b"], &[("not traces", 1)]),
        ),
        ("traces and logs in one", format!(r#"{{"resourceLogs":[],{}"#, &a[1..]), (&["a"], &[])),
    ];
    for (scenario, text, (spans, counts)) in cases {
        let decoded = decode(text.as_bytes());
        assert_eq!(names(&decoded), spans, "{scenario}");
        assert_eq!(set_aside(&decoded), counts, "{scenario}");
    }
}

#[test]
fn documents_of_other_signals_are_counted_and_are_no_failure() {
    let lines = [document("a"), r#"{"resourceLogs":[{}]}"#.into(), r#"{"resource_metrics":[]}"#.into()];
    let decoded = decode(lines.join("\n").as_bytes());
    assert_eq!((names(&decoded), set_aside(&decoded), decoded.other_signals), (vec!["a"], vec![], 2));
    assert_eq!(refusal(lines[1..].join("\n").as_bytes()), "not traces: these are OTLP logs");
}

#[test]
fn an_unreadable_document_leaves_nothing_behind() {
    // The first span of the broken line is whole, but the line is not: it counts as one document.
    let line = document("a");
    let broken = line.replace("}]}]}]}", "},{\"name\":1},oops]}]}]}");
    let decoded = decode(format!("{broken}\n{line}\n[{line},{line},!]").as_bytes());
    assert_eq!(names(&decoded), ["a"]);
    assert_eq!(set_aside(&decoded), [("unreadable document", 2)]);
}

#[test]
fn refusals_say_what_and_where() {
    let a = document("a");
    let cases = [
        (
            a[..a.len() - 1].to_owned(),
            format!("unreadable OTLP JSON at byte {}: the text ends too early", a.len() - 1),
        ),
        (
            format!("{}]", &a[..a.len() - 1]),
            format!("unreadable OTLP JSON at byte {}: expected `,` or `}}`", a.len() - 1),
        ),
        (r#"{"resourceSpans":5}"#.into(), "unreadable OTLP JSON at byte 17: expected an array".into()),
        (
            r#"{"resourceSpans":[5]}"#.into(),
            "unreadable OTLP JSON at byte 18: expected an object of resource spans".into(),
        ),
        (
            r#"{"resourceSpans":[{"scopeSpans":{}}]}"#.into(),
            "unreadable OTLP JSON at byte 32: expected an array".into(),
        ),
        (
            r#"{"resourceSpans":[{"scopeSpans":[{"spans":"x"}]}]}"#.into(),
            "unreadable OTLP JSON at byte 42: expected an array".into(),
        ),
        ("[5]".into(), "unreadable OTLP JSON at byte 1: expected an object".into()),
        (" 5".into(), "unreadable OTLP JSON at byte 1: expected an object or an array".into()),
        (r#"{"resourceLogs":[]}"#.into(), "not traces: these are OTLP logs".into()),
        (r#"{"resource_metrics":[]}"#.into(), "not traces: these are OTLP metrics".into()),
        (r#"{"resourceProfiles":[]}"#.into(), "not traces: these are OTLP profiles".into()),
        (
            r#"{"Records":[{"s3":{}}]}"#.into(),
            "not traces: nothing in it is part of an OTLP export request".into(),
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(refusal(text.as_bytes()), expected, "{text}");
    }
}

#[test]
fn hostile_lines_cost_no_more_than_reading_them_twice() {
    let started = ThreadTime::now();
    // From each line, the text is one that never ends.
    let text = "{\"a\":[\n".repeat(300_000);
    assert!(refusal(text.as_bytes()).contains("the text ends too early"));
    let text = "[{\"resourceSpans\":[\n".repeat(100_000);
    assert!(refusal(text.as_bytes()).contains("byte"));
    assert!(started.elapsed() < Duration::from_secs(20), "took {:?}", started.elapsed());
}
