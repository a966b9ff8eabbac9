//! `fluo compact`: the small files of hours that are over, merged into few large ones.

use std::fmt::Write as _;

use fluo_alerts::escape::plain;
use fluo_rules::rule::ALLOWED_LATENESS;
use fluo_store::compaction::{Compacted, HourReport, Options, Sizes, Skipped, compact};
use fluo_store::layouts::KnownLayout;
use fluo_store::{Hour, resolve_root};
use fluo_time::moment;
use object_store::path::Path;
use serde::Serialize;

use crate::args::{Compact, SummaryFormat};
use crate::deployed::root;
use crate::edge::now;
use crate::exit::{Failure, Status, chain};
use crate::terminal::{self, Output};

/// The summary of a run: `fluo.compact/v1`.
#[derive(Debug, Serialize)]
struct Summary {
    schema: &'static str,
    dry_run: bool,
    hours: Vec<HourReport>,
    failed_hours: Vec<FailedHour>,
}

#[derive(Debug, Serialize)]
struct FailedHour {
    hour: String,
    reason: String,
}

pub(crate) async fn run(args: &Compact) -> Result<Status, Failure> {
    let now_ns = now();
    let before = match &args.before {
        Some(text) => moment::parse(text, now_ns).map_err(|error| Failure::usage(error.to_string()))?,
        None => now_ns.saturating_sub(ALLOWED_LATENESS.0),
    };
    if before > now_ns {
        return Err(Failure::usage(
            "--before lies in the future: spans still arrive in hours that are not over",
        ));
    }
    let root = root(&args.spans)?;
    let cannot_list = |error| Failure::because(format!("could not list `{}`", args.spans), error);
    let spans = resolve_root(root.store.as_ref(), &root.at(&Path::default())).await.map_err(cannot_list)?;
    let (layout, unknown) = KnownLayout::default().current(&root, now_ns).await;
    if let Some(error) = unknown {
        terminal::note(&format!("warning: files are written in the built-in layout: {}", chain(&error)));
    }
    let sizes = Sizes::default();
    let options = Options { now_ns, before_ns: before, dry_run: args.dry_run, sizes, layout };
    let hours = Hour(0)..=Hour::of_ns(before);
    let Compacted { hours, failed, .. } =
        compact(&root, &spans, hours, &options, &|| true).await.map_err(cannot_list)?;
    let failed_hours = failed
        .iter()
        .map(|(hour, error)| FailedHour { hour: hour.clone(), reason: plain(&chain(error)).into_owned() })
        .collect();
    let summary = Summary { schema: "fluo.compact/v1", dry_run: args.dry_run, hours, failed_hours };
    let mut output = Output::new();
    match args.format {
        SummaryFormat::Json => output.json(&summary)?,
        SummaryFormat::Human => output.text(&summary.in_words())?,
    }
    output.finish()?;
    let skipped = summary.hours.iter().any(|hour| !hour.skipped.is_empty());
    Ok(match (summary.failed_hours.is_empty(), skipped) {
        (false, _) => Status::Failed,
        (true, true) => Status::Found,
        (true, false) => Status::Done,
    })
}

impl Summary {
    fn in_words(&self) -> String {
        let mut text = String::new();
        for hour in &self.hours {
            text.push_str(&self.hour_in_words(hour));
        }
        for FailedHour { hour, reason } in &self.failed_hours {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "{hour}: failed: {reason}");
        }
        if text.is_empty() { "Nothing to do.\n".to_owned() } else { text }
    }

    fn hour_in_words(&self, report: &HourReport) -> String {
        let HourReport { hour, files, spans, bytes, outputs, output_bytes, .. } = report;
        let mut parts = Vec::new();
        let would = |done: &str, would: &str| if self.dry_run { would.to_owned() } else { done.to_owned() };
        if *outputs > 0 {
            let size = if self.dry_run { String::new() } else { format!(", {output_bytes} bytes") };
            let merged = would("merged", "would be merged");
            parts.push(format!("{files} files ({spans} spans, {bytes} bytes) {merged} into {outputs}{size}"));
        }
        if report.duplicates > 0 {
            parts.push(format!("{} copies of spans left out", report.duplicates));
        }
        if report.id_conflicts > 0 {
            parts.push(format!("{} spans kept whose ids were used twice", report.id_conflicts));
        }
        let deleted = would("deleted", "would be deleted");
        if report.deleted_files > 0 {
            parts.push(format!("{} files that were replaced before {deleted}", report.deleted_files));
        }
        if report.deleted_others > 0 {
            parts.push(format!("{} leftovers of earlier runs {deleted}", report.deleted_others));
        }
        if report.unfinished {
            parts.push("another run is at work: the next one goes on".to_owned());
        }
        let mut text = String::new();
        if !parts.is_empty() {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "{hour}: {}", parts.join("; "));
        }
        for Skipped { location, reason } in &report.skipped {
            let _ = writeln!(text, "{hour}: left as it is: {}: {}", plain(location), plain(reason));
        }
        text
    }
}
