//! Bytes that nobody meant as a rule file: never a panic, never long, always said.

use std::time::Duration;

use cpu_time::ThreadTime;
use fluo_rules::code::Code;
use fluo_rules::diagnostic::Finding;
use fluo_rules::render::{github, human, json, sarif};
use fluo_rules::{Loaded, SourceFile, load, silence, test_file};
use proptest::prelude::*;

const SEED: &str = include_str!("../bad/seven_mistakes.bad.yml");
const SOUND: &str = "defaults: {window: 5m, labels: {team: platform}}
rules:
  - &base
    name: checkout
    annotations: {summary: \"{{ value.errors | percent }} in {{ group['ä.b'] }}\"}
    span: {service_name: 'it''s', attributes: {a: [1, 0x1f, \"\\u00e4\"], b: {matches: '^a+$', exists: true}}}
    group_by: [ä.b]
    expect: [eu, ~]
    aggregation: {total: count, errors: {count: {where: \"status = error\"}}, slow: {p99: duration}}
    condition: >-
      errors / total > 0.05
      and total >= 100
    realert: {every: 1h, backoff: 2, max: 1d}
  - {<<: *base, name: other}
";

const TESTS: &str = "rules: [a.yml]
tests:
  - name: all there is
    start: 2026-11-22T11:04:00Z
    until: 1h
    late: 90s
    spans_from: [{file: late.otlp.json, late: 0}]
    spans:
      - {at: [0, 1m..2m], every: 10s, count: 3, trace_id: t, parent: a, attributes: {e: [1, [2]], f: {g: 1.5}}}
      - {at: 3m, span_id: a, parent: 00f067aa0ba902b7, events: [{name: exception, at: 5ms}]}
    expect:
      - {rule: r, at: 2m, state: pending, group: {a: ~, b: 1}, value: {p99: 1.5s, count: 6}}
";

const SILENCES: &str = "silences:
  - comment: Batch window.
    matchers: {service_name: [checkout, payment], team: {matches: ^pay}}
    from: 2026-11-22T22:00:00Z
    until: 2026-11-23T06:00:00+01:00
    weekly: {days: [mon..fri, sun], from: 22:00, to: 6:30, timezone: Europe/Berlin}
";

/// Loads as everything that there is, renders in every format, and checks that each finding lies in its file.
fn survive(content: &[u8]) -> Loaded {
    let files = [SourceFile::new("x.yml", content)];
    let loaded = load(&files);
    told(&loaded.findings, &files);
    // The same bytes as tests and as silences; a test that is taken for sound can be expanded.
    let tests = test_file::load(&files);
    told(&tests.findings, &files);
    for test in tests.tests.iter().flat_map(|file| &file.tests) {
        assert!(test.spans().all(|span| span.start_ns <= span.end_ns && span.end_ns <= span.arrives_ns));
    }
    let silences = silence::load(&files);
    told(&silences.findings, &files);
    for silence in &silences.silences {
        let json = serde_json::to_string(silence).unwrap();
        assert_eq!(serde_json::from_str::<silence::Silence>(&json).unwrap(), *silence, "{json}");
    }
    loaded
}

/// Renders findings in every format, and checks that each lies in its file.
fn told(findings: &[Finding], files: &[SourceFile]) {
    let length = files.iter().map(|file| file.content.len()).max().unwrap_or_default();
    for finding in findings {
        let bytes = &finding.place.bytes;
        assert!(bytes.start <= bytes.end && bytes.end <= length, "{finding:?}");
        assert!(finding.place.start <= finding.place.end, "{finding:?}");
    }
    let shown = human::render(findings, files, false);
    assert!(!shown.chars().any(|c| c.is_control() && c != '\n'), "{shown:?}");
    let parsed: Vec<serde_json::Value> = serde_json::from_str(&json::render(findings)).unwrap();
    assert_eq!(parsed.len(), findings.len());
    serde_json::from_str::<serde_json::Value>(&sarif::render(findings)).unwrap();
    assert_eq!(github::render(findings).lines().count(), findings.len());
}

/// The codes found in `content`, which must not take long even without optimisation.
fn codes(content: &str) -> Vec<Code> {
    let start = ThreadTime::now();
    let loaded = survive(content.as_bytes());
    assert!(start.elapsed() < Duration::from_secs(10), "took {:?}", start.elapsed());
    loaded.findings.iter().map(|finding| finding.code).collect()
}

#[test]
fn the_sound_seed_is_sound() {
    assert_eq!(survive(SOUND.as_bytes()).findings, []);
}

#[test]
fn limits_are_errors() {
    let rule = |name: usize| format!("- {{name: r{name}, span: {{}}, condition: count > 5}}\n");
    let many: String = (0..10_001).map(rule).collect();
    let long = "x".repeat(1024 * 1024 + 1);
    let expression = format!("- {{name: a, span: {{}}, condition: 'count > 5{}'}}", " ".repeat(16 * 1024));
    let template = format!(
        "- {{name: a, span: {{}}, condition: count > 5, annotations: {{a: '{}'}}}}",
        "x".repeat(16 * 1024 + 1)
    );
    let flow = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let block: String = (0..200).map(|depth| format!("{}-\n", " ".repeat(depth))).collect();
    for (scenario, content, code) in [
        ("a file of more than 1 MiB", long, Code::FileTooLarge),
        ("10,001 rules", many, Code::TooManyRules),
        ("an expression of more than 16 KiB", expression, Code::ExprTooLong),
        ("a template of more than 16 KiB", template, Code::TemplateSyntax),
        ("lists 65 deep", flow(65), Code::TooDeep),
        ("lists 100,000 deep", flow(100_000), Code::TooDeep),
        ("lists 100,000 deep, never closed", "[".repeat(100_000), Code::TooDeep),
        ("blocks 200 deep", block, Code::TooDeep),
    ] {
        assert_eq!(codes(&content), [code], "{scenario}");
    }
}

#[test]
fn defaults_are_no_way_around_the_limits() {
    let labels: String = (0..10_000).map(|label| format!("l{label}: x, ")).collect();
    let rules: String = (0..1000).map(|name| format!("  - {{name: r{name}}}\n")).collect();
    let content =
        format!("defaults: {{span: {{}}, condition: count > 5, labels: {{{labels}}}}}\nrules:\n{rules}");
    assert_eq!(codes(&content), [Code::TooManyAliases]);
}

#[test]
fn a_finding_in_a_very_long_line_shows_the_part_around_it() {
    let text = format!(
        "- {{name: a, span: {{}}, condition: count > 5, labels: {{a: '{}', a: b}}}}\n",
        "é".repeat(100_000)
    );
    let files = [SourceFile::new("x.yml", text)];
    let shown = human::render(&load(&files).findings, &files, false);
    assert!(
        shown.contains(" --> x.yml:1:100061\n") && shown.contains("a: b}}") && shown.len() < 2000,
        "{shown}"
    );
}

#[test]
fn ten_thousand_rules_load() {
    let rules: String =
        (0..10_000).map(|name| format!("- {{name: r{name}, span: {{}}, condition: count > 5}}\n")).collect();
    let loaded = load(&[SourceFile::new("x.yml", rules)]);
    assert_eq!((loaded.rules.len(), loaded.findings.len()), (10_000, 0));
}

#[test]
fn a_thousand_rules_may_share_an_anchor() {
    let mut text =
        "- &base {name: base, span: {service_name: a}, window: 5m, severity: info, condition: count > 5}\n"
            .to_owned();
    text.extend((0..1000).map(|name| format!("- {{<<: *base, name: r{name}}}\n")));
    let loaded = load(&[SourceFile::new("x.yml", text)]);
    assert_eq!((loaded.rules.len(), loaded.findings), (1001, vec![]));
}

#[test]
fn alias_bombs_are_refused_fast() {
    let mut lists = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    let mut merges = "a0: &a0 {k: v}\n".to_owned();
    for level in 1..30 {
        let inner = vec![format!("*a{}", level - 1); 9].join(", ");
        lists.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
        merges.push_str(&format!("a{level}: &a{level} {{<<: [{inner}], k{level}: v}}\n"));
    }
    let mut deep = "- &a0 x\n".to_owned();
    for level in 1..60 {
        deep.push_str(&format!("- &a{level} {}*a{}{}\n", "[".repeat(30), level - 1, "]".repeat(30)));
    }
    for (scenario, content, expected) in [
        ("billion laughs of lists", lists, vec![Code::TooManyAliases]),
        ("billion laughs of merge keys", merges, vec![Code::TooManyAliases]),
        ("aliases nested through anchors", deep, vec![Code::TooDeep]),
        ("an alias in its own anchor", "a: &a [*a]".to_owned(), vec![Code::TooManyAliases]),
        ("an alias of nothing", "a: *nobody".to_owned(), vec![Code::YamlSyntax]),
    ] {
        assert_eq!(codes(&content), expected, "{scenario}");
    }
}

#[test]
fn every_beginning_of_a_file_survives() {
    for text in [SEED, SOUND, TESTS, SILENCES] {
        for end in (0..text.len()).step_by(3) {
            survive(&text.as_bytes()[..end]);
        }
    }
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let escaped = "- name: \"\u{202e}x\"\n  nmae\u{200b}: 1\n  \"\\e[2J\\n::error::\": 1\n  span: {kind: \"\\e[2J\\a\\r\\x9b\"}\n";
    let raw = "- name: \u{9b}31m\u{7f}\u{1b}[2J\n";
    let files = [SourceFile::new("a\u{1b}[31m.yml", escaped), SourceFile::new("b.yml", raw)];
    let findings = load(&files).findings;
    assert!(findings.len() > 4, "{findings:?}");
    let shown = human::render(&findings, &files, false);
    let hostile = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{200b}' | '\u{202e}');
    assert!(!shown.chars().any(hostile), "{shown:?}");
    let commands = github::render(&findings);
    assert_eq!(commands.lines().count(), findings.len(), "{commands}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_survive(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        survive(&bytes);
    }

    #[test]
    fn arbitrary_yaml_like_text_survives(text in "[-\\[\\]{}:,&*<>|!%@`'\"#?\n\t a-c1.é\\\\]{0,200}") {
        survive(text.as_bytes());
    }

    #[test]
    fn mutated_files_survive(
        seed in prop::sample::select(&[SEED, SOUND, TESTS, SILENCES]),
        at in any::<prop::sample::Index>(),
        length in 0..20_usize,
        insert in "[-\\[\\]{}:,&*<>|!%\"'#\n\t a-z0-9(){}=é\u{1b}]{0,12}",
    ) {
        let start = at.index(seed.len());
        let end = (start + length).min(seed.len());
        let mut bytes = seed.as_bytes().to_vec();
        bytes.splice(start..end, insert.bytes());
        survive(&bytes);
    }
}
