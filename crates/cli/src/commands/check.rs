//! `fluo check`: every mistake in rules, their tests, silences and configurations, in one run.

mod figures;
mod reality;
mod sampling;

use std::path::{Path, PathBuf};

use fluo_evaluator::project::{Outcome, Project, Surroundings};
use fluo_rules::diagnostic::{Code, Finding, Level};
use fluo_rules::files::Kind;
use fluo_rules::{SourceFile, render};

use crate::args::{Check, CheckFormat};
use crate::exit::{Failure, Status};
use crate::rule_files;
use crate::terminal::{self, Output};

pub(crate) async fn run(args: &Check) -> Result<Status, Failure> {
    let files = rule_files::read_all(&args.paths)?;
    let Checked { mut findings, counts, project } = check(&args.paths, files)?;
    let files = project.shown();
    let mut figures = String::new();
    let mut is_whole = true;
    let mut uncompared = None;
    if !args.spans.is_empty() {
        let reality = reality::against_spans(project.rules(), &args.spans).await?;
        let is_said = |found: &Finding| findings.iter().any(|known| says_the_same(known, found));
        let new: Vec<Finding> = reality.findings.into_iter().filter(|found| !is_said(found)).collect();
        findings.extend(new);
        findings = project.sorted(findings);
        figures = figures::table(&reality.activity);
        is_whole = reality.is_whole && reality.uncompared.is_none();
        uncompared = reality.uncompared;
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
    if let Some(failure) = uncompared {
        terminal::note(&failure.to_string());
    }
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
    /// The files, and the sound rules of them.
    project: Project,
}

fn check(paths: &[PathBuf], files: Vec<(Kind, SourceFile)>) -> Result<Checked, Failure> {
    let mut project = Project::new(paths, files);
    let Outcome { findings, sound } = project.check(&OnDisk)?;
    let mut counts = vec![count(sound.rules, "sound rule")];
    counts.extend(sound.tests.map(|sound| count(sound, "sound test")));
    counts.extend(sound.silences.map(|sound| count(sound, "sound silence")));
    counts.extend(sound.configurations.map(|sound| count(sound, "sound configuration")));
    Ok(Checked { findings, counts: counts.join(", "), project })
}

/// The surroundings of the files, on the disk.
struct OnDisk;

impl Surroundings for OnDisk {
    type Error = Failure;

    fn rules(&self, paths: &[PathBuf]) -> Result<Vec<SourceFile>, Failure> {
        rule_files::read(paths)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn names_in(&self, folder: &Path) -> Vec<String> {
        rule_files::names_in(folder)
    }
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

/// `1 file`, `2 files`
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
