//! `fluo diff`: which alerts a rule change adds and removes.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use fluo_alerts::escape::plain;
use fluo_evaluator::RuleSet;
use fluo_evaluator::diff::{self, Change, DiffAlert, RuleDiff, Side};
use fluo_evaluator::replay::Replayed;
use fluo_rules::SourceFile;
use fluo_time::{Nanos, TimeRange, moment};

use crate::args::{Diff, SummaryFormat};
use crate::edge::now;
use crate::exit::{Failure, Status};
use crate::history::History;
use crate::rule_files;
use crate::terminal::{self, Output};

pub(crate) async fn run(args: &Diff) -> Result<Status, Failure> {
    let to = moment::parse(&args.to, now()).map_err(|error| Failure::usage(format!("--to: {error}")))?;
    let (since, every) = (positive("--since", &args.since)?, positive("--every", &args.every)?);
    let from = to.checked_sub(since).ok_or_else(|| Failure::usage("--since reaches back too far"))?;
    let (base, head) = (files(&args.base, "base")?, files(&args.head, "head")?);
    let history = History::open(&args.spans, TimeRange { from, to }, &args.arrival).await?;
    let before = history.replay(&base, every).await?;
    let after = history.replay(&head, every).await?;
    let (base, head) = (set(&base), set(&head));
    let found = diff::diff(Side { rules: &base, past: &before }, Side { rules: &head, past: &after });
    let mut output = Output::new();
    match args.format {
        SummaryFormat::Human => output.text(&human(&found))?,
        SummaryFormat::Json => output.json(&found)?,
    }
    output.finish()?;
    if tell_failed(&before, "base") | tell_failed(&after, "head") {
        return Ok(Status::Failed);
    }
    Ok(if found.is_different() { Status::Found } else { Status::Done })
}

fn positive(option: &str, text: &str) -> Result<i64, Failure> {
    match Nanos::parse(text) {
        Ok(duration) if duration.0 > 0 => Ok(duration.0),
        Ok(_) => Err(Failure::usage(format!("{option} must be longer than nothing"))),
        Err(error) => Err(Failure::usage(format!("{option}: {error}")).hint(error.hint())),
    }
}

/// Rule files that load. A difference to rules that do not would say nothing.
fn files(paths: &[PathBuf], side: &str) -> Result<Vec<SourceFile>, Failure> {
    let loaded = rule_files::load_or_tell(paths).map_err(|_| {
        Failure::because(format!("could not load the rules of --{side}"), "there are mistakes in them")
    })?;
    Ok(loaded.0)
}

fn set(files: &[SourceFile]) -> RuleSet {
    RuleSet::load(files, &BTreeMap::new())
}

/// Names rules that could not be judged: of them, the difference says nothing.
fn tell_failed(past: &Replayed, side: &str) -> bool {
    let mut reasons: BTreeMap<&str, &str> = BTreeMap::new();
    for report in &past.reports {
        for rule in &report.failed_rules {
            let told = past.notifications.iter().find(|told| told.rule.as_ref() == Some(rule));
            reasons.insert(rule, told.and_then(|told| told.reason.as_deref()).unwrap_or_default());
        }
    }
    for (rule, reason) in &reasons {
        terminal::note(&format!("error: {side}: `{}` could not be judged: {}", plain(rule), plain(reason)));
    }
    !reasons.is_empty()
}

fn human(diff: &diff::Diff) -> String {
    let mut text = String::new();
    for (sign, alerts) in [('+', &diff.added), ('-', &diff.removed)] {
        for alert in alerts {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "{sign} {}", line(alert));
        }
    }
    for RuleDiff { rule, change, added, removed } in &diff.rules {
        let change = match change {
            Change::Added => "new",
            Change::Removed => "gone",
            Change::Changed => "changed",
        };
        let effect = if *added + *removed == 0 {
            "without effect".to_owned()
        } else {
            format!("{added} alerts added, {removed} removed")
        };
        let _ = writeln!(text, "rule {} is {change}: {effect}", plain(rule));
    }
    let _ = writeln!(
        text,
        "{} alerts added, {} removed, {} as before",
        diff.added.len(),
        diff.removed.len(),
        diff.kept
    );
    text
}

/// `2026-11-22T11:04:51.200Z to …: checkout-errors, region=eu: what was told`
fn line(alert: &DiffAlert) -> String {
    let group: Vec<String> = alert
        .group
        .iter()
        .map(|(key, value)| format!("{}={}", plain(key), plain(value.as_deref().unwrap_or("(none)"))))
        .collect();
    let group = if group.is_empty() { String::new() } else { format!(" {}", group.join(", ")) };
    format!(
        "{} to {}  {} {}{group}: {}{}",
        moment::format(alert.starts_at),
        moment::format(alert.ends_at),
        alert.severity,
        plain(&alert.rule),
        plain(&alert.summary),
        if alert.withdrawn { " (taken back later)" } else { "" },
    )
}
