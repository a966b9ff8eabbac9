//! `fluo check`: every mistake in rule files, in one run.

use fluo_rules::diagnostic::Level;
use fluo_rules::{load, render};

use crate::args::{Check, CheckFormat};
use crate::exit::{Failure, Status};
use crate::rule_files;
use crate::terminal::{self, Output};

pub(crate) fn run(args: &Check) -> Result<Status, Failure> {
    let files = rule_files::read(&args.paths)?;
    let loaded = load(&files);
    let findings = &loaded.findings;
    let mut output = Output::new();
    match args.format {
        CheckFormat::Human => {
            output.text(&render::human::render(findings, &files, terminal::colour_stdout()))?;
        }
        CheckFormat::Json => output.text(&render::json::render(findings))?,
        CheckFormat::Sarif => output.text(&render::sarif::render(findings))?,
        CheckFormat::Github => output.text(&render::github::render(findings))?,
    }
    output.finish()?;
    if args.format == CheckFormat::Human {
        let errors = findings.iter().filter(|finding| finding.level() == Level::Error).count();
        terminal::note(&format!(
            "{} in {}: {}, {}",
            count(loaded.rules.len(), "sound rule"),
            count(files.len(), "file"),
            count(errors, "error"),
            count(findings.len() - errors, "warning"),
        ));
    }
    Ok(if loaded.has_errors() { Status::Found } else { Status::Done })
}

/// `1 file`, `2 files`
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
