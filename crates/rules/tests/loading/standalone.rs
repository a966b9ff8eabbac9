//! A rule's text by itself is that rule, wherever it comes from; its hash follows the text.

use std::fs;
use std::path::{Path, PathBuf};

use fluo_rules::decisive::{decide_alike, text_hash};
use fluo_rules::rule::Rule;
use fluo_rules::standalone::{standalone, standalone_all};
use fluo_rules::{SourceFile, files, load};
use proptest::prelude::*;
use walkdir::WalkDir;

fn rules(text: &str) -> Vec<Rule> {
    let loaded = load(&[SourceFile::new("rules.yml", text)]);
    assert!(!loaded.is_partial(), "{text}\n{:?}", loaded.findings);
    loaded.rules
}

/// The rule that a text by itself is, as if it stood where `like` does.
fn again(text: &str, like: &Rule) -> Rule {
    let mut read = rules(text);
    // Of an objective, it has the other rule, too.
    read.retain(|rule| like.objective().is_none() || rule.name == like.name);
    assert_eq!(read.len(), 1, "{text}");
    Rule { source: like.source.clone(), ..read.remove(0) }
}

/// Every rule of a file, by itself, is that rule; and its text by itself is itself.
pub(crate) fn stands_alone(text: &str) -> Vec<String> {
    let rules = rules(text);
    let texts = standalone_all(&rules);
    for (rule, alone) in rules.iter().zip(&texts) {
        assert_eq!(again(alone, rule), *rule, "{alone}");
        assert_eq!(standalone(rule), *alone);
        let mut twice = load(&[SourceFile::new("rules.yml", alone.as_str())]).rules;
        let twice = twice.swap_remove(twice.iter().position(|twice| twice.name == rule.name).unwrap());
        assert_eq!(again(&standalone(&twice), rule), *rule, "{alone}");
        assert_eq!(twice.source.hash, rule.source.hash, "{alone}");
    }
    texts
}

#[test]
fn rules_of_the_library_stand_alone_as_they_are_written() {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    let entries = WalkDir::new(library).into_iter().map(|entry| entry.unwrap().into_path());
    let is_rule_file = |file: &PathBuf| files::is_rule_file(file.file_name().unwrap().to_str().unwrap());
    let files: Vec<PathBuf> = entries.filter(is_rule_file).collect();
    assert!(files.len() > 20, "{} files", files.len());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        // One rule a file, without defaults: nothing is to be changed.
        let mut texts = stands_alone(&text);
        // An objective is two rules of one text.
        texts.dedup();
        assert_eq!(texts, [text.as_str()], "{}", file.display());
    }
}

#[test]
fn the_hash_is_that_of_the_text() {
    let rule = &rules("- {name: a, span: {}, condition: count > 5}\n")[0];
    assert_eq!(standalone(rule), "- {name: a, span: {}, condition: count > 5}\n");
    // printf '%s' '{"condition": "count > 5", "name": "a", "span": {}}' | sha256sum
    assert_eq!(rule.source.hash, "6984e04f6b2eb048f5c8077fe3d378e3572c040d1344f7451403dffb4b7a2c06");
    assert_eq!(text_hash(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

#[test]
fn the_hash_is_that_of_what_decides() {
    let base = "- name: a\n  span: {kind: server, service_name: pay}\n  condition: count > 5\n";
    let of = |text: &str| rules(text).remove(0).source.hash;
    for (scenario, text) in [
        ("a comment", format!("# hands off\n{base}")),
        (
            "style and order",
            "- {\"condition\": 'count > 5', span: {service_name: \"pay\", kind: server}, name: a}".to_owned(),
        ),
        (
            "what people read",
            format!(
                "{base}  description: d\n  annotations: {{summary: s}}\n  labels: {{team: t}}\n  top: [name]\n"
            ),
        ),
        (
            "who is told how often",
            format!("{base}  severity: info\n  realert: 1h\n  notification_limit: 5\n  group_limit: 7\n"),
        ),
        ("defaults that decide nothing", format!("defaults: {{severity: critical}}\nrules:\n{base}")),
    ] {
        assert_eq!(of(&text), of(base), "{scenario}");
    }
    for (scenario, text) in [
        ("a threshold", base.replace("> 5", "> 6")),
        ("a selector", base.replace("pay", "shop")),
        ("groups", format!("{base}  group_by: [name]\n")),
        ("a window", format!("{base}  window: 2m\n")),
        ("for", format!("{base}  for: 1m\n")),
        ("what proves it", format!("{base}  evidence: [name]\n")),
        ("a delay", format!("{base}  eval_delay: 2m\n")),
        ("a default", format!("defaults: {{window: 5m}}\nrules:\n{base}")),
        ("the name", base.replace("name: a", "name: b")),
    ] {
        assert_ne!(of(&text), of(base), "{scenario}");
        assert!(!decide_alike(&rules(&text)[0], &rules(base)[0]), "{scenario}");
    }
    // Another spelling of the same is another text, and decides alike.
    let spelt = base.replace("count > 5", "gt(count, 5)") + "  window: 60s\n";
    assert_ne!(of(&spelt), of(base));
    assert!(decide_alike(&rules(&spelt)[0], &rules(base)[0]));
}

#[test]
fn the_author_s_text_is_kept() {
    for (scenario, text, expected) in [
        (
            "defaults, other rules and comments",
            "# all of ours\ndefaults: {window: 5m} # for everybody\nrules:\n    # not this\n    - name: a\n      span: {}  # all spans\n      # not too few\n      condition: count > 5 # six\n    - {name: b, span: {}, condition: count > 5}\n",
            vec![
                "defaults: {window: 5m} # for everybody\nrules:\n- name: a\n  span: {}  # all spans\n  # not too few\n  condition: count > 5 # six\n",
                "defaults: {window: 5m} # for everybody\nrules:\n- {name: b, span: {}, condition: count > 5}\n",
            ],
        ),
        (
            "block scalars",
            "rules:\n      - condition: >-\n          count\n          > 5\n        name: a\n        span: {}\n        description: |\n          one\n\n            two\n",
            vec![
                "- condition: >-\n    count\n    > 5\n  name: a\n  span: {}\n  description: |\n    one\n\n      two\n",
            ],
        ),
        (
            "blank lines and remarks between rules",
            "- name: a\n  span: {}\n  condition: |\n    count > 5\n\n\n  # not of a\n- name: b\n  span: {}\n  condition: count > 5\n  # not of b either\n",
            vec![
                "- name: a\n  span: {}\n  condition: |\n    count > 5\n",
                "- name: b\n  span: {}\n  condition: count > 5\n",
            ],
        ),
        (
            "an anchor of another rule",
            "- &base\n  name: a\n  span: &span {kind: server} # here\n  condition: count > 5\n- <<: *base # as a\n  name: b\n- name: c\n  span: *span\n  condition: count > 5\n",
            vec![
                "- name: a\n  span: &span {kind: server} # here\n  condition: count > 5\n",
                "- <<: {\"name\": \"a\", \"span\": {\"kind\": \"server\"}, \"condition\": \"count > 5\"} # as a\n  name: b\n",
                "- name: c\n  span: {\"kind\": \"server\"}\n  condition: count > 5\n",
            ],
        ),
        (
            "an anchor of its own",
            "- name: a\n  labels: &l {k: v}\n  annotations: *l\n  span: {}\n  condition: count > 5\n",
            vec!["- name: a\n  labels: &l {k: v}\n  annotations: *l\n  span: {}\n  condition: count > 5\n"],
        ),
        (
            "a merge key at the end",
            "- {name: a, span: &s {kind: server}, condition: count > 5}\n- name: b\n  condition: count > 5\n  span:\n    name: x\n    <<: *s\n",
            vec![
                "- {name: a, span: &s {kind: server}, condition: count > 5}\n",
                "- name: b\n  condition: count > 5\n  span:\n    name: x\n    <<: {\"kind\": \"server\"}\n",
            ],
        ),
        (
            "JSON over several lines",
            "{\n  \"defaults\": {\n    \"window\": \"5m\"\n  },\n  \"rules\": [\n    {\n      \"name\": \"a\", \"span\": {},\n      \"condition\": \"count > 5\"\n    }\n  ]\n}\n",
            vec![
                "\"defaults\": {\n  \"window\": \"5m\"\n}\nrules:\n- {\n    \"name\": \"a\", \"span\": {},\n    \"condition\": \"count > 5\"\n  }\n",
            ],
        ),
        (
            "a text that keeps the blank lines behind it",
            "- name: a\n  span: {}\n  condition: count > 5\n  description: |+\n    one\n\n- {name: b, span: {}, condition: count > 5}\n",
            vec![
                "- name: a\n  span: {}\n  condition: count > 5\n  description: |+\n    one\n\n",
                "- {name: b, span: {}, condition: count > 5}\n",
            ],
        ),
        (
            "lines that end in a lone carriage return",
            "rules:\r  - name: a # first\r    span: {}\r    condition: count > 5\r",
            vec![
                "# name: a # first\n#     span: {}\n#     condition: count > 5\n- {\"name\": \"a\", \"span\": {}, \"condition\": \"count > 5\"}\n",
            ],
        ),
        (
            "windows line breaks",
            "rules:\r\n  - name: a\r\n    span: {}\r\n    condition: >-\r\n      count\r\n      > 5\r\n",
            vec!["- name: a\r\n  span: {}\r\n  condition: >-\r\n    count\r\n    > 5\n"],
        ),
        (
            "defaults in another document",
            "- {name: a, span: {}, condition: count > 5}\n---\ndefaults:\n  window: 5m\n",
            vec!["defaults:\n  window: 5m\nrules:\n- {name: a, span: {}, condition: count > 5}\n"],
        ),
    ] {
        assert_eq!(stands_alone(text), expected, "{scenario}");
    }
}

#[test]
fn whatever_loads_stands_alone() {
    let deep = |levels: usize| {
        let (open, close) = ("{not: ".repeat(levels), "}".repeat(levels));
        format!("- {{name: a, span: {open}{{kind: server}}{close}, condition: count > 5}}\n")
    };
    for (scenario, text) in [
        ("defaults without an end of line", "rules: [{name: a, span: {}}]\ndefaults: {condition: count > 5}".to_owned()),
        ("an alias as the whole item", "rules: [&a {name: a, span: {}, condition: count > 5}]\n".to_owned()),
        ("items in the middle of a line", "rules: [{name: a, span: {},\n condition: count > 5}, {name: b, span: {},\ncondition: count > 5}]\n".to_owned()),
        ("defaults that use an anchor of a rule", "rules:\n- {name: a, span: &s {kind: server}, condition: count > 5}\n- {name: b, condition: count > 5}\ndefaults: {span: *s}\n".to_owned()),
        ("an anchor under one name twice", "- {name: a, span: &s {kind: server}, condition: count > 5}\n- {name: b, span: &s {kind: client}, condition: count > 5}\n- {name: c, span: *s, labels: {a: &s x}, condition: count > 5}\n".to_owned()),
        ("aliases of numbers, keys and nothing", "- {name: &n 1.10, span: {}, labels: {&k key: &v 0x1f, e: &e ''}, condition: count > 5}\n- {name: b, span: {}, labels: {*k : *v, n: *n, e: *e}, condition: count > 5}\n".to_owned()),
        ("a list of merge keys", "- &a {name: a, span: &s {kind: server}, condition: count > 5}\n- &b {name: b, span: *s, window: 5m, condition: count > 6}\n- {<<: [*b, *a], name: c}\n".to_owned()),
        ("explicit keys", "- ? name\n  : a\n  ? span\n  : {}\n  ? condition\n  : count > 5\n".to_owned()),
        ("a dash on its own line", "-\n  # why\n  name: a\n  span: {}\n  condition: count > 5\n-\n\n    name: b\n    span: {}\n    condition: count > 5\n".to_owned()),
        ("lists not indented", "rules:\n- name: a\n  span:\n    any:\n    - kind: server\n    - kind: client\n  condition: count > 5\n".to_owned()),
        ("quotes over several lines", "rules:\n    - name: a\n      span: {}\n      description: \"one\n  two\n\n        three \\\n   four\"\n      condition: 'count\n\n       > 5'\n".to_owned()),
        ("a plain text over several lines", "rules:\n    - name: a\n      span: {}\n      description: one\n         two\n\n       three\n      condition: count\n        > 5\n".to_owned()),
        ("blocks that keep their ends", "rules:\n  - name: a\n    span: {}\n    condition: count > 5\n    description: |+\n      one\n\n\n  - name: b\n    span: {}\n    condition: |2+\n        count > 5\n\n    description: >\n      x\n".to_owned()),
        ("tabs within", "- name: a\t# a tab\n  span: {\tkind: server }\n  description: |\n    \tone\n  \t\n  condition: count > 5\n".to_owned()),
        ("comments less indented than the rule", "rules:\n      - name: a\n# outside\n        span: {}\n   # here\n        condition: count > 5\n".to_owned()),
        ("old Mac line breaks", "rules:\r  - name: a\r    span: {}\r    condition: count > 5\r".to_owned()),
        ("a byte order mark and directives", "\u{feff}%YAML 1.2\n---\n- name: a\n  span: {}\n  condition: count > 5\n...\n".to_owned()),
        ("separators of lines in texts", "- {name: a, span: {name: \"x\u{2028}y\"}, description: 'a\u{85}b', condition: count > 5}\n".to_owned()),
        ("umlauts before the rule", "{ä: &ä x}: y\n".replace("{ä: &ä x}: y\n", "rules: [{name: \"äöü\", span: {}, condition: count > 5}, {name: b, span: {},\n          condition: count > 5}]\n")),
        ("as deep as can be", deep(61)),
        ("as deep as can be, with defaults elsewhere", format!("{}---\ndefaults: {{window: 5m}}\n", deep(61))),
        ("items that are one alias each", "- {name: a, span: {}, condition: count > 5, labels: {x: &x 'y'}, description: *x}\n".to_owned()),
    ] {
        let texts = stands_alone(&text);
        assert!(!texts.is_empty(), "{scenario}");
    }
}

/// A rule as an author may write it, under a name, with what makes it differ from the others of its name.
#[derive(Debug, Clone)]
struct Written {
    name: String,
    style: usize,
    number: u8,
    comment: bool,
}

impl Written {
    /// In a list whose dashes stand in `indent`.
    fn text(&self, indent: usize) -> String {
        let Self { name, number, .. } = self;
        let remark = if self.comment { " # on purpose" } else { "" };
        let lines = match self.style {
            0 => vec![
                format!("- name: {name}{remark}"),
                format!("  span: {{name: n{number}}}"),
                "  condition: count > 5".to_owned(),
            ],
            1 => vec![format!("- {{name: {name}, span: {{name: n{number}}}, condition: count > 5}}{remark}")],
            2 => vec![
                format!("- {{name: {name},{remark}"),
                format!("   span: {{name: n{number}}},"),
                "    condition: count > 5}".to_owned(),
            ],
            3 => vec![
                "-   condition: |".to_owned(),
                "      count".to_owned(),
                String::new(),
                "        > 5".to_owned(),
                format!("    name: {name}{remark}"),
                "    span:".to_owned(),
                format!("      name: 'n{number}'"),
            ],
            4 => vec![
                format!("- name: {name}"),
                format!("  labels: &{name} {{number: &{name}2 0x{number:x}, text: \"a"),
                "     b\"}".to_owned(),
                format!("  annotations: *{name}"),
                format!("  description: *{name}2"),
                "  span: {}".to_owned(),
                format!("  condition: >-{remark}"),
                "     count".to_owned(),
                "     > 5".to_owned(),
            ],
            _ => vec![
                format!("- name: {name}"),
                "  <<: *common".to_owned(),
                format!("  group_limit: {}", u32::from(*number) + 1),
                format!("  span: *spans{remark}"),
            ],
        };
        lines
            .iter()
            .map(|line| format!("{}{line}\n", if line.is_empty() { "" } else { &"       "[..indent] }))
            .collect()
    }
}

fn written() -> impl Strategy<Value = Vec<Written>> {
    let one = (0..6_usize, any::<u8>(), any::<bool>());
    prop::collection::vec(one, 1..6).prop_map(|rules| {
        let named = rules.into_iter().enumerate().map(|(at, (style, number, comment))| Written {
            name: format!("r{at}"),
            style,
            number,
            comment,
        });
        named.collect()
    })
}

const DEFAULTS: [&str; 3] =
    ["", "defaults: {window: 5m}\n", "defaults:\n    labels: # all\n        team: x\n"];

/// A file of these rules behind one whose anchors some of them use.
fn file(rules: &[Written], indent: usize, defaults: usize, crlf: bool) -> String {
    let pad = &"       "[..indent];
    let mut text = DEFAULTS[defaults].to_owned();
    text.push_str("rules:\n");
    text.push_str(&format!(
        "{pad}- &common\n{pad}  name: first\n{pad}  span: &spans {{kind: server, name: \"q\\\"\"}}\n{pad}  condition: count > 7\n"
    ));
    text.extend(rules.iter().map(|rule| rule.text(indent)));
    if crlf { text.replace('\n', "\r\n") } else { text }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn generated_rules_stand_alone_and_may_move(
        (rules, order) in written().prop_flat_map(|rules| {
            let order = Just(rules.clone()).prop_shuffle();
            (Just(rules), order)
        }),
        indents in (0..5_usize, 0..5_usize),
        defaults in 0..DEFAULTS.len(),
        crlf in any::<bool>(),
    ) {
        let by_name = |text: &str| {
            let loaded = self::rules(text);
            let texts = standalone_all(&loaded);
            for (rule, alone) in loaded.iter().zip(&texts) {
                assert_eq!(again(alone, rule), *rule, "{text}\n{alone}");
            }
            loaded.into_iter().map(|rule| rule.name).zip(texts).collect::<std::collections::BTreeMap<_, _>>()
        };
        let first = by_name(&file(&rules, indents.0, defaults, crlf));
        // Another order in a list that is indented otherwise: the same texts.
        prop_assert_eq!(&first, &by_name(&file(&order, indents.1, defaults, crlf)));
        // A change of one rule changes its text alone; a change of the defaults, all.
        let mut changed = rules.clone();
        changed[0].comment = !changed[0].comment;
        let second = by_name(&file(&changed, indents.0, defaults, crlf));
        for (name, text) in &first {
            prop_assert_eq!(text == &second[name], name != "r0", "{}", name);
        }
        let others = by_name(&file(&rules, indents.0, (defaults + 1) % DEFAULTS.len(), crlf));
        prop_assert!(first.iter().all(|(name, text)| text != &others[name]));
    }
}

#[test]
fn many_rules_of_one_file_are_read_together() {
    let text: String =
        (0..2000).map(|n| format!("- {{name: r{n}, span: {{}}, condition: count > {n}}}\n")).collect();
    let started = cpu_time::ThreadTime::now();
    let texts = standalone_all(&rules(&text));
    assert_eq!(texts.concat(), text);
    assert!(started.elapsed() < std::time::Duration::from_secs(20), "took {:?}", started.elapsed());
}

#[test]
fn a_rule_that_comes_from_no_file_has_no_text() {
    let mut rule = rules("- {name: a, span: {}, condition: count > 5}\n").remove(0);
    rule.source.text = "".into();
    rule.source.range = 0..0;
    assert_eq!(standalone(&rule), "");
}
