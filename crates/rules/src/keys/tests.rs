//! Every key is known to its loader and to its schema.

use super::*;
use crate::code::Code;
use crate::diagnostic::Finding;
use crate::{SourceFile, load};
use crate::{config, schema, silence, test_file};

/// A value that the key takes.
fn example(key: &Key) -> &'static str {
    match key.shape {
        Shape::Word(words) => words[0],
        Shape::Bool => "true",
        Shape::Duration { .. } | Shape::DurationOr(_) => "1m",
        Shape::Integer { .. } => "7",
        Shape::Factor | Shape::Percent => "2",
        Shape::Share => "99.9%",
        Shape::Texts | Shape::TextsOr(_) | Shape::Groups | Shape::Inhibits => "[a]",
        Shape::Limits => "[{slow: 500ms}]",
        Shape::Scalars => "[1]",
        Shape::Text | Shape::Scalar | Shape::Matcher => "1",
        Shape::WordMatcher(words) => words.last().copied().unwrap_or_default(),
        Shape::Field => "duration",
        Shape::Expression => match key.name {
            "resolve_condition" => "count < 3",
            "info" | "warning" | "critical" => "count > 5",
            _ => "duration > 1s",
        },
        Shape::ExpressionOr(_) => "{warning: count > 5, critical: count > 50}",
        Shape::TextMap | Shape::MatcherMap => "{a: b}",
        Shape::Aggregates => "{a: count}",
        Shape::Map(Table::Trace) => "{never: [{name: a}]}",
        Shape::Step => "{name: a}",
        Shape::Steps => "[{name: a}, '{ name = \"b\" }']",
        Shape::Forbidden => "[{name: a}, {sequence: [{name: b}, {name: c}]}]",
        Shape::OneOrList(_) => "[{of: {name: a}, as: n}]",
        Shape::Map(Table::Slo) => "{objective: 99.9%, good: status != error}",
        Shape::Map(Table::PercentileForm) => "{of: duration, p: 99}",
        Shape::ListOf(_) => "[{}]",
        Shape::EmptyOr(_) | Shape::Map(_) => "{}",
        Shape::Instant => "2026-01-01T00:00:00Z",
        Shape::Moment => "30m",
        Shape::Times => "[1m, 2m..3m]",
        Shape::SpanFiles => "[a.json, {file: b.json}]",
        Shape::Links => "[00000000000000ff, {span_id: 00000000000000fe, trace_id: t, attributes: {a: b}}]",
        Shape::Literals => "{a: [1, true, x], b: {c: 1.5}}",
        Shape::OneGroup => "{a: ~}",
        Shape::Expected => "{a: 1, b: 2s, c: ~}",
        Shape::SilenceMatchers => "{rule: a, team: [a, b], b: {matches: c}, severity: [info]}",
        Shape::Days => "[mon, wed..fri]",
        Shape::TimeOfDay => "\"22:00\"",
        Shape::Words(_) => "[info, critical]",
        Shape::SinkType(word) => word,
        Shape::Sinks => "[{type: stdout}, {type: slack, url: {env: A}}]",
        Shape::Secret => "{env: A}",
        Shape::Secrets => "[a, {env: A}]",
        Shape::SecretMap => "{a: b, c: {env: A}}",
    }
}

/// A file in which the key stands where its table says.
fn file(table: Table, key: &Key) -> String {
    let value = match key.name {
        "duration" => "{gt: 1s}",
        "status" => "ok",
        // Not shorter than the default of `every`.
        "max" if table == Table::Realert => "1d",
        "period" => "7d",
        "condition" if table == Table::Trace => "n > 3",
        "child_of" | "descendant_of" | "sibling_of" | "follows" => "other",
        "as" if table == Table::StepCount => "n",
        "sql" => "SELECT count(*) AS n FROM spans",
        "file" if table == Table::LimitsFile => "limits.csv",
        _ => example(key),
    };
    let entry = format!("{}: {value}", key.name);
    let rule = |inner: &str| {
        let is_of_traces = ["trace", "settle", "max_trace_duration"].iter().any(|key| inner.starts_with(key));
        let common: &[&str] = if is_of_traces {
            &["name: n", "trace: {never: [{name: a}]}", "condition: traces > 5", "group_by: [a]"]
        } else if inner.starts_with("slo") {
            &["name: n", "span: {}", "slo: {}", "group_by: [a]"]
        } else if inner.starts_with("sql") {
            &["name: n"]
        } else {
            &["name: n", "span: {}", "condition: count > 5", "group_by: [a]"]
        };
        let own: Vec<&str> = common
            .iter()
            .copied()
            .filter(|line| !inner.starts_with(&line[..=line.find(':').unwrap_or(0)]))
            .collect();
        format!("- {{{}}}", [vec![inner], own].concat().join(", "))
    };
    match table {
        Table::File => {
            if key.name == "rules" {
                "rules: []".to_owned()
            } else {
                "defaults: {}\nrules: []".to_owned()
            }
        }
        Table::Rule => rule(&entry),
        Table::Defaults => format!("defaults: {{{entry}}}\nrules: []"),
        Table::Selector => rule(&format!("span: {{{entry}}}")),
        Table::Trace if key.name == "by" => {
            rule(&format!("trace: {{when: {{name: o}}, always: [{{name: b, before: 1h}}], {entry}}}"))
        }
        Table::Trace => {
            let needed = [
                "when: {name: o}",
                "always: [{name: b}]",
                "sequence: [{name: b}, {name: c}]",
                "count: {of: {name: b}, as: n}",
            ];
            let own = needed.into_iter().filter(|line| !line.starts_with(&format!("{}:", key.name)));
            let lines: Vec<&str> = own.chain([entry.as_str()]).collect();
            rule(&format!("trace: {{{}}}", lines.join(", ")))
        }
        Table::Step if matches!(key.name, "before" | "after" | "by") => {
            let within = if key.name == "by" { ", within: 1h" } else { "" };
            rule(&format!("trace: {{by: [a], when: {{name: o}}, always: [{{{entry}{within}}}]}}"))
        }
        Table::Step => rule(&format!("trace: {{when: {{name: o, as: other}}, always: [{{{entry}}}]}}")),
        Table::ForbiddenSequence if key.name == "sequence" => {
            rule(&format!("trace: {{never: [{{{entry}}}]}}"))
        }
        Table::ForbiddenSequence => {
            rule(&format!("trace: {{never: [{{sequence: [{{name: a}}, {{name: b}}], {entry}}}]}}"))
        }
        Table::StepCount => {
            let other = if key.name == "as" { "of: {name: a}" } else { "as: n" };
            rule(&format!("trace: {{never: [{{name: a}}], count: {{{entry}, {other}}}}}"))
        }
        Table::Event => rule(&format!("span: {{event: {{{entry}}}}}")),
        Table::Operators => rule(&format!("span: {{attributes: {{k: {{{entry}}}}}}}")),
        Table::Aggregate if key.name == "where" => {
            rule(&format!("aggregation: {{x: {{count: {{}}, {entry}}}}}"))
        }
        Table::Aggregate => rule(&format!("aggregation: {{x: {{{entry}}}}}")),
        Table::CountForm => rule(&format!("aggregation: {{x: {{count: {{{entry}}}}}}}")),
        Table::PercentileForm => rule(&format!(
            "aggregation: {{x: {{percentile: {{{entry}, {}}}}}}}",
            if key.name == "of" { "p: 2" } else { "of: duration" }
        )),
        Table::Evidence => rule(&format!("evidence: {{{entry}}}")),
        Table::Realert => rule(&format!("realert: {{{entry}}}")),
        Table::Inhibit if key.name == "rule" => rule(&format!("inhibit: [{{{entry}}}]")),
        Table::Inhibit => rule(&format!("inhibit: [{{rule: a, {entry}}}]")),
        Table::Levels => rule(&format!("condition: {{{entry}}}")),
        Table::Slo => {
            let needed = ["objective: 99%", "good: status != error"].into_iter();
            let own = needed.filter(|line| !line.starts_with(&format!("{}:", key.name)));
            let lines: Vec<&str> = own.chain([entry.as_str()]).collect();
            rule(&format!("slo: {{{}}}", lines.join(", ")))
        }
        Table::LimitsFile => rule(&format!("limits: {{{entry}}}")),
        _ => unreachable!("not of rule files"),
    }
}

/// A mapping with `key` and all that it needs besides.
fn mapping(table: Table, key: &Key) -> String {
    let value = match (table, key.name) {
        (Table::TestFile, "tests") | (Table::Test, "expect") | (Table::SilenceFile, "silences") => "[]",
        (Table::Test, "spans") => "[{at: 0s}]",
        (Table::Span, "events") => "[{name: exception}]",
        (Table::Span, "parent") | (Table::SpanLink, "span_id") => "00000000000000ff",
        (Table::Silence, "weekly") => "{from: \"22:00\", to: \"6:00\"}",
        (Table::Weekly, "to") => "\"6:00\"",
        (Table::Weekly, "timezone") => "Europe/Berlin",
        (Table::Config, "trace_url") => "'https://traces.example/{trace_id}'",
        (Table::SecretEnv, _) => "A",
        _ => example(key),
    };
    let needed: &[&str] = match table {
        Table::TestFile => &["rules: [a.yml]", "tests: []"],
        Table::Test => &["name: n", "expect: []", "spans: [{at: 0s}]"],
        Table::SpanFile => &["file: a.json"],
        Table::Span => &["at: 0s..1m", "every: 1m"],
        Table::SpanEvent => &["name: n"],
        Table::Expectation => &["rule: r", "at: 1m", "state: firing"],
        Table::Silence => &["matchers: {rule: a}", "comment: c"],
        Table::Weekly => &["from: \"22:00\"", "to: \"6:00\""],
        Table::Config => &["store: a", "rules: [b]"],
        Table::Sink(kind) => match kind {
            SinkType::Alertmanager => &["type: alertmanager", "url: a"],
            SinkType::File => &["type: file", "path: a"],
            SinkType::Otlp => &["type: otlp", "endpoint: a"],
            SinkType::PagerDuty => &["type: pagerduty", "routing_key: a"],
            SinkType::Slack => &["type: slack", "url: a"],
            SinkType::Sns => &["type: sns", "topic_arn: a"],
            SinkType::Stdout => &["type: stdout"],
            SinkType::Teams => &["type: teams", "url: a"],
            SinkType::Webhook => &["type: webhook", "url: a"],
        },
        _ => &[],
    };
    // A given span id is that of one span.
    let needed = match (table, key.name) {
        (Table::SpanLink, _) => &["span_id: 00000000000000ff"],
        (_, "span_id") => &["at: 0s"],
        _ => needed,
    };
    let own = format!("{}:", key.name);
    let others = needed.iter().copied().filter(|entry| !entry.starts_with(&own));
    let entry = format!("{own} {value}");
    format!("{{{}}}", std::iter::once(entry.as_str()).chain(others).collect::<Vec<_>>().join(", "))
}

/// A file of another kind in which the key stands where its table says.
fn other_file(table: Table, key: &Key) -> String {
    let inner = mapping(table, key);
    let test = |inner: String| format!("rules: [a.yml]\ntests: [{inner}]");
    let silence = |inner: String| format!("silences: [{inner}]");
    match table {
        Table::Test => test(inner),
        Table::SpanFile => test(format!("{{name: n, expect: [], spans_from: {inner}}}")),
        Table::Span => test(format!("{{name: n, expect: [], spans: [{inner}]}}")),
        Table::SpanEvent => test(format!("{{name: n, expect: [], spans: [{{at: 0s, events: [{inner}]}}]}}")),
        Table::SpanLink => test(format!("{{name: n, expect: [], spans: [{{at: 0s, links: [{inner}]}}]}}")),
        Table::Expectation => test(format!("{{name: n, spans: [{{at: 0s}}], expect: [{inner}]}}")),
        Table::Silence => silence(inner),
        Table::SilenceMatcher => silence(format!("{{comment: c, matchers: {{a: {inner}}}}}")),
        Table::Weekly => silence(format!("{{comment: c, matchers: {{a: b}}, weekly: {inner}}}")),
        Table::Sink(_) => format!("store: a\nrules: [b]\nsinks: [{inner}]"),
        Table::Troubles => format!("store: a\nrules: [b]\ntrouble_severity: {inner}"),
        Table::SecretEnv => format!("store: a\nrules: [b]\nsinks: [{{type: slack, url: {inner}}}]"),
        _ => inner,
    }
}

#[test]
fn every_key_is_taken_by_the_loader_and_stands_in_the_schema() {
    for table in Table::OF_RULES {
        let harmless = |code| matches!(code, Code::NoRules | Code::UnknownRule | Code::UnusedLimit);
        let find = |files: &[SourceFile]| {
            let limits = SourceFile::new("limits.csv", "slow\n1s\n");
            load(&[files, &[limits]].concat()).findings
        };
        all_known(table, &schema::schema(), |key| file(table, key), find, harmless);
    }
    let harmless = |code| code == Code::NoTests;
    for table in Table::OF_TESTS {
        let find = |files: &[SourceFile]| test_file::load(files).findings;
        all_known(table, &schema::test_files(), |key| other_file(table, key), find, harmless);
    }
    for table in Table::OF_SILENCES {
        let find = |files: &[SourceFile]| silence::load(files).findings;
        all_known(table, &schema::silences(), |key| other_file(table, key), find, |_| false);
    }
    for table in Table::of_config() {
        let find = |files: &[SourceFile]| config::load(&files[0]).findings;
        all_known(table, &schema::config(), |key| other_file(table, key), find, |_| false);
    }
}

fn all_known(
    table: Table,
    schema: &str,
    file: impl Fn(&Key) -> String,
    find: impl Fn(&[SourceFile]) -> Vec<Finding>,
    harmless: impl Fn(Code) -> bool,
) {
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    for key in table.keys() {
        let text = file(key);
        let findings = find(&[SourceFile::new("x.yml", text.clone())]);
        assert!(findings.iter().all(|finding| harmless(finding.code)), "{text}: {findings:#?}");
        let described = &schema["$defs"][table.name()]["properties"][key.name]["description"];
        assert_eq!(described.as_str(), Some(key.doc), "{}.{}", table.name(), key.name);
    }
}

#[test]
fn no_table_has_a_key_twice() {
    let others = Table::OF_TESTS.into_iter().chain(Table::OF_SILENCES).chain(Table::of_config());
    for table in Table::OF_RULES.into_iter().chain(others) {
        let mut names: Vec<_> = table.keys().iter().map(|key| key.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
        assert!(table.required().iter().all(|key| table.key(key).is_some()));
    }
}
