//! Values that somebody chose who can send requests to the services: they reach people's terminals.

use std::fs;

use fluo_rules::printable::is_unseen;
use fluo_tests::otlp::{Encoding, Span};
use tempfile::TempDir;

use crate::deployed::Deployment;
use crate::fluo;
use crate::incident::{NOON, SECOND, records, text, write};

/// Clears the screen, retitles the window, moves up a line, rings, ends the line, turns the writing around, and
/// passes for another column.
const HOSTILE: &str = "a\u{1b}[2J\u{1b}]0;owned\u{7}\u{1b}[1A\u{9b}31m\r\nFAKE  critical\u{202e}evil\u{0}\u{7f}\u{2066}\u{feff}";

const RULE: &str = "
- name: by-user
  annotations: {summary: \"{{ group['user.id'] }} at {{ evidence[0].name }}\"}
  span: {}
  group_by: [user.id]
  condition: count > 0
";

/// The first character of a text that is not seen, and is no line break.
fn unseen(text: &str) -> Option<char> {
    text.chars().find(|&c| is_unseen(c) && c != '\n')
}

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
    assert_eq!(unseen(&line), None, "{line:?}");
    assert_eq!(line.lines().count(), 1);
    assert_eq!(records(&line)[0]["group"]["user.id"], HOSTILE);
}

#[test]
fn a_summary_has_no_control_characters_wherever_it_goes() {
    let summary = records(&eval("ndjson"))[0]["summary"].as_str().unwrap().to_owned();
    assert_eq!(summary.chars().find(|c| c.is_control()), None, "{summary:?}");
    assert!(summary.contains("FAKE"), "{summary}");
}

/// Whatever is printed or stored, by whatever command and in whatever form: nothing in it is raw that is not seen.
#[test]
fn no_output_and_no_record_holds_what_is_not_seen() {
    let deployment = Deployment::new();
    deployment.write("rules/auth.yml", RULE);
    let base = deployment.path("base");
    fs::create_dir(&base).unwrap();
    fs::write(base.join("rule.yml"), RULE.replace("count > 0", "count > 9")).unwrap();
    deployment.tick("12:00:00").expect(0);
    let span = Span::new(1, HOSTILE, HOSTILE, NOON + SECOND).with("user.id", HOSTILE);
    deployment.arrive("hostile", 10, &[span]);
    let mut seen = vec![("log", deployment.tick("12:01:00"))];
    let run = |arguments: &[&str]| deployment.fluo(arguments);
    let range = ["--from", "2024-05-01T12:00:00Z", "--to", "2024-05-01T12:02:00Z"];
    let diff = ["diff", "--base", "base", "--head", "rules", "--spans", "store", "--since", "2m"];
    let comment = format!("c{}", HOSTILE.replace('\0', ""));
    seen.push((
        "silence",
        run(&["silence", "add", "--match", "rule=by-user", "--for", "1h", "--comment", &comment]),
    ));
    for format in ["table", "json", "ndjson"] {
        let replay = ["replay", "--rules", "rules", "--spans", "store", "--format", format];
        seen.push((format, run(&[&replay[..], &range].concat())));
    }
    for format in ["human", "json"] {
        seen.push((format, run(&["status", "--format", format])));
        seen.push((format, run(&["silence", "list", "--format", format])));
        seen.push((format, run(&["verify", "told.ndjson", "--store", "store", "--format", format])));
        seen.push((
            format,
            run(&[&diff[..], &["--to", "2024-05-01T12:02:00Z", "--format", format]].concat()),
        ));
    }
    let raw =
        deployment.path("raw").join(format!("b{}.json", HOSTILE.replace(['\0', '\n'], "").replace('/', "")));
    fs::write(&raw, "no spans").unwrap();
    for format in ["human", "json"] {
        seen.push((format, run(&["ingest", text(&raw), "--spans", "store", "--format", format])));
    }
    let name = HOSTILE.replace('\0', "").replace("\r\n", "").replace('\u{1b}', "");
    deployment
        .write("rules/bad.yml", &format!("- {{name: x, span: {{}}, condition: count > 1, \"{name}\": 1}}\n"));
    for format in ["human", "json", "sarif", "github"] {
        seen.push((format, run(&["check", "rules", "--format", format])));
    }
    deployment.write(
        "rules/auth.test.yml",
        &format!("rules: [auth.yml]\ntests:\n  - name: \"{name}\"\n    spans: []\n    expect: [{{rule: by-user, at: 1m}}]\n"),
    );
    for format in ["human", "json", "junit"] {
        seen.push((format, run(&["test", "rules", "--format", format])));
    }
    for (what, ended) in seen {
        for text in [&ended.stdout, &ended.stderr] {
            assert_eq!(unseen(text), None, "{what}: {text:?}");
        }
    }
    let mut stored = vec![deployment.path("told.ndjson"), deployment.path("store/state/silences.json")];
    let evaluations = deployment.path("store/evaluations");
    stored.extend(crate::deployed::files_below(&evaluations).iter().map(|name| evaluations.join(name)));
    for file in stored {
        let text = fs::read_to_string(&file).unwrap();
        assert!(!text.is_empty() && unseen(&text).is_none(), "{}: {text:?}", file.display());
    }
}
