//! `fluo check`: every mistake in rules, their tests, silences and configurations, in one run.

mod configuration;
mod figures;
mod reality;
mod sampling;

use std::collections::BTreeMap;
use std::path::Path;

use fluo_evaluator::Config;
use fluo_evaluator::config::Loading;
use fluo_rules::diagnostic::{Code, Finding, Level, Place};
use fluo_rules::position::Lines;
use fluo_rules::rule::Rule;
use fluo_rules::test_file::{self, TestFile};
use fluo_rules::{SourceFile, load, render, silence};

use crate::args::{Check, CheckFormat};
use crate::commands::test::{folder_of, rules_of};
use crate::exit::{Failure, Status};
use crate::rule_files::{self, Kind};
use crate::terminal::{self, Output};

pub(crate) async fn run(args: &Check) -> Result<Status, Failure> {
    let files = rule_files::read_all(&args.paths)?;
    let Checked { mut findings, counts, shown: files, rules } = check(&files)?;
    let mut figures = String::new();
    let mut is_whole = true;
    if !args.spans.is_empty() {
        let reality = reality::against_spans(rules, &args.spans).await?;
        let is_said = |found: &Finding| findings.iter().any(|known| says_the_same(known, found));
        let new: Vec<Finding> = reality.findings.into_iter().filter(|found| !is_said(found)).collect();
        findings.extend(new);
        in_order(&mut findings, &files);
        figures = figures::table(&reality.activity);
        is_whole = reality.is_whole;
    }
    let mut output = Output::new();
    match args.format {
        CheckFormat::Human => {
            output.text(&render::human::render(&findings, &files, terminal::colour_stdout()))?;
            output.text(&figures)?;
        }
        CheckFormat::Json => output.text(&render::json::render(&findings))?,
        CheckFormat::Sarif => output.text(&render::sarif::render(&findings))?,
        CheckFormat::Github => output.text(&render::github::render(&findings))?,
    }
    output.finish()?;
    let errors = findings.iter().filter(|finding| finding.level() == Level::Error).count();
    if args.format == CheckFormat::Human {
        terminal::note(&format!(
            "{} in {}: {}, {}",
            counts,
            count(files.len(), "file"),
            count(errors, "error"),
            count(findings.len() - errors, "warning"),
        ));
    }
    Ok(if !is_whole {
        Status::Failed
    } else if errors > 0 {
        Status::Found
    } else {
        Status::Done
    })
}

/// The result of a check.
struct Checked {
    /// The findings, in the order of files and places.
    findings: Vec<Finding>,
    /// `3 sound rules, 2 sound tests`
    counts: String,
    /// The files as they may be shown.
    shown: Vec<SourceFile>,
    /// The sound rules.
    rules: Vec<Rule>,
}

fn check(files: &[(Kind, SourceFile)]) -> Result<Checked, Failure> {
    let of = |wanted: Kind| -> Vec<SourceFile> {
        files.iter().filter(|(kind, _)| *kind == wanted).map(|(_, file)| file.clone()).collect()
    };
    let (rules, tests, silences) = (of(Kind::Rules), of(Kind::Tests), of(Kind::Silences));
    let loaded = load(&rules);
    let unplanned = fluo_plan::findings(&loaded.rules);
    let mut counts = vec![count(loaded.rules.len() - unplanned.len(), "sound rule")];
    let loaded_tests = test_file::load(&tests);
    let loaded_silences = silence::load(&silences);
    let knows_rules = !rules.is_empty() && !loaded.is_partial();
    let mut findings = loaded.findings;
    findings.extend(unplanned);
    findings.extend(loaded_tests.findings);
    for file in &loaded_tests.tests {
        let text = tests.iter().find(|it| it.name == file.file);
        let text = text.map(|it| String::from_utf8_lossy(&it.content)).unwrap_or_default();
        findings.extend(against_disk(file, &text)?);
    }
    // Where no rules are checked, or some do not load, which rules there are is not known.
    if knows_rules {
        findings.extend(loaded_silences.against(&loaded.rules));
    }
    findings.extend(loaded_silences.findings);
    if !tests.is_empty() {
        let sound = loaded_tests.tests.iter().map(|file| file.tests.len()).sum();
        counts.push(count(sound, "sound test"));
    }
    if !silences.is_empty() {
        counts.push(count(loaded_silences.silences.len(), "sound silence"));
    }
    let mut shown = Vec::new();
    let mut sound_configs = None;
    for (kind, file) in files {
        if *kind != Kind::Config {
            shown.push(file.clone());
            continue;
        }
        let Loading { config, mut checked } = Config::load(file);
        let on_disk = configuration::against_disk(&checked, Path::new(&*file.name));
        checked.add(on_disk);
        shown.push(checked.shown());
        findings.extend(checked.findings);
        *sound_configs.get_or_insert(0) += usize::from(config.is_some());
    }
    counts.extend(sound_configs.map(|sound| count(sound, "sound configuration")));
    in_order(&mut findings, &shown);
    Ok(Checked { findings, counts: counts.join(", "), shown, rules: loaded.rules })
}

/// Returns whether a rule by itself says already that an attribute is looked up where it is not.
fn says_the_same(known: &Finding, found: &Finding) -> bool {
    let (one, other) = (&known.place, &found.place);
    known.code == Code::OtherScope
        && found.code == Code::AbsentAttribute
        && one.file == other.file
        && one.bytes.start < other.bytes.end
        && other.bytes.start < one.bytes.end
}

/// Sorts findings by file and place.
fn in_order(findings: &mut [Finding], files: &[SourceFile]) {
    let numbers: BTreeMap<&str, usize> =
        files.iter().enumerate().map(|(number, file)| (&*file.name, number)).collect();
    findings.sort_by_key(|Finding { place, code, .. }| {
        (numbers.get(&*place.file).copied(), place.bytes.start, place.bytes.end, *code)
    });
}

/// A test file against the files that it names: rules, and spans.
fn against_disk(file: &TestFile, text: &str) -> Result<Vec<Finding>, Failure> {
    let is_missing = |path: &str| !folder_of(file).join(path).exists();
    let mut findings: Vec<Finding> = file
        .rules
        .iter()
        .filter(|path| is_missing(path))
        .map(|path| missing(path, place_of(file, text, path)))
        .collect();
    let span_files = file.tests.iter().flat_map(|test| &test.span_files);
    let missing_spans: Vec<Finding> = span_files
        .filter(|spans| is_missing(&spans.path))
        .map(|spans| missing(&spans.path, spans.place.clone()))
        .collect();
    if findings.is_empty() {
        let rules = load(&rules_of(file)?);
        // What is expected of rules that do not load cannot be held against them.
        if !rules.is_partial() {
            findings.extend(file.against(&rules.rules));
        }
    }
    findings.extend(missing_spans);
    Ok(findings)
}

fn missing(path: &str, place: Place) -> Finding {
    Finding {
        code: Code::InvalidValue,
        message: format!("there is no file `{path}`"),
        place,
        hint: Some("paths start from the folder of the test file".to_owned()),
        related: Vec::new(),
    }
}

/// Returns the place of a path of `rules`. A test file names it once, and before all else that could hold it.
fn place_of(file: &TestFile, text: &str, path: &str) -> Place {
    let begin = text.find("rules").and_then(|key| text[key..].find(path).map(|at| key + at));
    let bytes = begin.map_or(0..0, |begin| begin..begin + path.len());
    let lines = Lines::of(text);
    let (start, end) = (lines.position(text, bytes.start), lines.position(text, bytes.end));
    Place { file: file.file.clone(), bytes, start, end }
}

/// `1 file`, `2 files`
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
