//! Values that somebody chose who can send requests to the services: they reach people's terminals.

use std::fs;

use fluo_tests::otlp::{Encoding, Span};
use tempfile::TempDir;

use crate::fluo;
use crate::incident::{NOON, SECOND, records, text, write};

/// Clears the screen, retitles the window, moves up a line, rings, ends the line, turns the writing around, and
/// passes for another column.
const HOSTILE: &str = "a\u{1b}[2J\u{1b}]0;owned\u{7}\u{1b}[1A\u{9b}31m\r\nFAKE  critical\u{202e}evil\u{0}";

const RULE: &str = "
- name: by-user
  annotations: {summary: \"{{ group['user.id'] }} at {{ evidence[0].name }}\"}
  span: {}
  group_by: [user.id]
  condition: count > 0
";

fn eval(format: &str) -> String {
    let folder = TempDir::new().unwrap();
    let rule = folder.path().join("rule.yml");
    fs::write(&rule, RULE).unwrap();
    let span = Span::new(1, HOSTILE, HOSTILE, NOON + SECOND).with("user.id", HOSTILE);
    let object = write(folder.path(), "object", Encoding::Protobuf, &[span]);
    fluo(&["eval", "--rules", text(&rule), "--spans", text(&object), "--format", format]).expect(0)
}

#[test]
fn a_terminal_sees_no_escape_and_no_line_that_is_not_ours() {
    let table = eval("table");
    let harmful = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202a}'..='\u{202e}');
    assert_eq!(table.chars().find(|&c| harmful(c)), None, "{table:?}");
    assert_eq!(table.lines().count(), 4, "head, violation, summary, evidence:\n{table}");
    assert!(table.contains("owned"), "the rest of the value is shown:\n{table}");
}

#[test]
fn json_keeps_the_value_and_escapes_it() {
    let line = eval("ndjson");
    assert_eq!(line.chars().find(|&c| c.is_ascii_control() && c != '\n'), None, "{line:?}");
    assert_eq!(line.lines().count(), 1);
    assert_eq!(records(&line)[0]["group"]["user.id"], HOSTILE);
}

#[test]
fn a_summary_has_no_control_characters_wherever_it_goes() {
    let summary = records(&eval("ndjson"))[0]["summary"].as_str().unwrap().to_owned();
    assert_eq!(summary.chars().find(|c| c.is_control()), None, "{summary:?}");
    assert!(summary.contains("FAKE"), "{summary}");
}
