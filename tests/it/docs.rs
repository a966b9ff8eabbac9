//! The manual's examples do what it says of them.

use std::fs;
use std::path::{Path, PathBuf};

use fluo_evaluator::config::Loading;
use fluo_evaluator::{Config, Settings};
use fluo_rules::SourceFile;
use fluo_sinks::route_all;
use fluo_tests::manual::{Block, Step, blocks, pages};
use fluo_tests::program::{Program, repository};
use serde_json::Value;
use tempfile::TempDir;

use crate::fluo;

/// The pages of `docs/`, and the README.
fn manual() -> Vec<(PathBuf, Vec<Block>)> {
    let mut pages = pages(&repository().join("docs")).unwrap();
    let readme = repository().join("README.md");
    pages.push((readme.clone(), fs::read_to_string(readme).unwrap()));
    assert!(pages.len() > 5, "{} pages", pages.len());
    pages.into_iter().map(|(path, text)| (path, blocks(&text))).collect()
}

/// Blocks of a kind, each with where it stands.
fn blocks_of(kind: &str) -> Vec<(String, Block)> {
    let mut found = Vec::new();
    for (page, blocks) in manual() {
        let of_kind = blocks
            .into_iter()
            .filter(|block| block.info == kind || block.info.starts_with(&format!("{kind} ")));
        found.extend(of_kind.map(|block| (format!("{}:{}", page.display(), block.line), block)));
    }
    assert!(!found.is_empty(), "the manual has no block `{kind}`");
    found
}

/// The findings of a rule file, and how the check ended.
fn check(rules: &str) -> (Vec<Value>, i32) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("rules.yml");
    fs::write(&file, rules).unwrap();
    let ended = fluo(&["check", file.to_str().unwrap(), "--format", "json"]);
    (serde_json::from_str(&ended.stdout).unwrap(), ended.status)
}

#[test]
fn rules_that_are_shown_are_sound() {
    for (place, block) in blocks_of("yaml rule") {
        let (findings, status) = check(&block.text);
        assert_eq!((findings.as_slice(), status), (&[][..], 0), "{place}");
    }
}

#[test]
fn mistakes_that_are_shown_are_found() {
    for (place, block) in blocks_of("yaml bad") {
        let code = block.info.strip_prefix("yaml bad ").unwrap();
        let (findings, status) = check(&block.text);
        let codes: Vec<&str> = findings.iter().map(|finding| finding["code"].as_str().unwrap()).collect();
        assert!(codes.contains(&code), "{place}: {codes:?}");
        assert_eq!(status, i32::from(code.starts_with('E')), "{place}");
    }
}

#[test]
fn tests_that_are_shown_beside_rules_about_traces_pass() {
    let (_, blocks) = manual().into_iter().find(|(page, _)| page.ends_with("traces.md")).unwrap();
    let of_kind = |kind: &str| -> Vec<String> {
        blocks.iter().filter(|block| block.info == kind).map(|block| block.text.clone()).collect()
    };
    let tests = of_kind("yaml test");
    assert!(tests.len() > 1, "{}", tests.len());
    for test in tests {
        // Beside the rules that it is about.
        let names = |rule: &String| {
            rule.lines().filter_map(|line| line.strip_prefix("- name: ")).any(|name| test.contains(name))
        };
        let rules: Vec<String> = of_kind("yaml rule").into_iter().filter(|rule| names(rule)).collect();
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("traces.yml"), rules.concat()).unwrap();
        fs::write(folder.path().join("traces.test.yml"), &test).unwrap();
        let ended = fluo(&["test", folder.path().to_str().unwrap()]);
        assert_eq!(ended.status, 0, "{}{}{test}", ended.stdout, ended.stderr);
    }
}

/// A text that is good for what a variable of this name holds.
fn secret(variable: &str) -> String {
    if variable.ends_with("SIGNING_KEY") {
        "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=".to_owned()
    } else if variable.ends_with("_URL") || variable.starts_with("AWS_ENDPOINT_URL") {
        "https://receiver.example/x".to_owned()
    } else {
        "secret".to_owned()
    }
}

#[test]
fn configurations_that_are_shown_can_be_used() {
    for (place, block) in blocks_of("yaml config") {
        let Loading { config, checked } = Config::load(&SourceFile::new("fluo.yml", block.text.as_str()));
        let config = config.unwrap_or_else(|| panic!("{place}: {:?}", checked.findings));
        let sinks = route_all(&config.sinks, &|variable| Some(secret(variable)), None);
        let sinks = sinks.unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_eq!(sinks.len(), config.sinks.len(), "{place}");
    }
}

#[test]
fn defaults_that_are_listed_are_those_that_hold() {
    let page = fs::read_to_string(repository().join("docs/run.md")).unwrap();
    let whole = blocks(&page).into_iter().find(|block| block.info == "yaml config").unwrap();
    let load = |text: &str| Config::load(&SourceFile::new("fluo.yml", text)).config.unwrap();
    let written = load(&whole.text);
    let least = load("store: s\nrules: [r]\n");
    let trace_url = written.trace_url.clone();
    assert_eq!(written.settings(), Settings { trace_url, ..least.settings() });
    assert_eq!(written.every, least.every);
    // The table names the same defaults, key by key.
    for line in whole.text.lines().filter_map(|line| line.split_once(": ")) {
        let (key, value) = line;
        let has_none = matches!(key, "store" | "rules" | "on_arrival" | "trace_url");
        let is_default = !has_none && !key.starts_with([' ', '-']);
        let row = format!("| `{key}` |");
        let row = page.lines().find(|line| line.starts_with(&row));
        if is_default {
            assert!(row.unwrap_or_default().ends_with(&format!("| `{value}` |")), "{key}: {row:?}");
        }
    }
}

#[test]
fn every_code_that_is_listed_exists_and_the_reverse() {
    let page = fs::read_to_string(repository().join("docs/findings.md")).unwrap();
    let listed: Vec<&str> =
        page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let log: Value = serde_json::from_str(&fluo(&["check", "rules", "--format", "sarif"]).expect(0)).unwrap();
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    let codes: Vec<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
    assert_eq!(listed, codes);
}

/// Runs a command as a reader would: in a shell, in the repository's root, with `fluo` on the path.
fn run(step: &Step, scratch: &Path) -> (i32, String) {
    let beside = Path::new(env!("CARGO_BIN_EXE_fluo")).parent().unwrap();
    let script = format!(
        "set -eu\nPATH='{}':\"$PATH\"\nexport TMP='{}'\n{}\n",
        beside.display(),
        scratch.display(),
        step.command
    );
    let ended = Program::new("sh").run(&["-c", &script]);
    (ended.status, format!("{}{}", ended.stdout, ended.stderr))
}

#[test]
fn commands_that_are_shown_end_as_they_say() {
    for (page, blocks) in manual() {
        let scratch = TempDir::new().unwrap();
        for block in blocks.iter().filter(|block| block.info == "sh") {
            for step in block.steps() {
                let (status, output) = run(&step, scratch.path());
                assert_eq!(
                    status,
                    step.status,
                    "{}:{}: {}\n{output}",
                    page.display(),
                    step.line,
                    step.command
                );
            }
        }
    }
}

#[test]
fn pages_that_are_linked_to_are_there() {
    for (page, _) in manual() {
        let text = fs::read_to_string(&page).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap();
            if !path.is_empty() && !path.contains("://") {
                let linked = page.parent().unwrap().join(path);
                assert!(linked.exists(), "{} links to {target}", page.display());
            }
        }
    }
}
