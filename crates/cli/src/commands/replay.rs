//! `fluo replay`: what would have been alerted, when, and how it would have resolved.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fluo_alerts::escape::plain;
use fluo_alerts::notification::Notification;
use fluo_alerts::time;
use fluo_evaluator::arrivals::{Live, arrivals_of};
use fluo_evaluator::replay::{Replayed, replay, schedule};
use fluo_evaluator::{RuleSet, Settings};
use fluo_rules::SourceFile;
use fluo_rules::duration::Nanos;
use object_store::path::Path;

use crate::args::{Replay, ReplayFormat};
use crate::deployed::{evaluator, root};
use crate::edge::now;
use crate::exit::{Failure, Status};
use crate::rule_files;
use crate::terminal::Output;

pub(crate) async fn run(args: &Replay) -> Result<Status, Failure> {
    let now = now();
    let moment = |text: &str| time::parse(text, now).map_err(|error| Failure::usage(error.to_string()));
    let (from, to) = (moment(&args.from)?, moment(&args.to)?);
    let every = Nanos::parse(&args.every).map_err(|error| Failure::usage(format!("--every: {error}")))?;
    if from > to || every.0 <= 0 {
        return Err(Failure::usage(
            "--from must not lie behind --to, and --every must be longer than nothing",
        ));
    }
    let files = match rule_files::load_or_tell(&args.rules) {
        Ok((files, _)) => files,
        Err(status) => return Ok(status),
    };
    let replayed = past(&files, &args.spans, from, to, every.0).await?;
    let mut output = Output::new();
    match args.format {
        ReplayFormat::Table => output.text(&table(&replayed))?,
        ReplayFormat::Json => output.line(&json(&replayed.notifications)?)?,
        ReplayFormat::Ndjson => {
            for notification in &replayed.notifications {
                output.line(&json(notification)?)?;
            }
        }
    }
    output.finish()?;
    let failed = replayed.reports.iter().any(|report| !report.failed_rules.is_empty());
    Ok(if failed { Status::Failed } else { Status::Done })
}

/// Evaluates rules over the past of a store.
pub(crate) async fn past(
    rules: &[SourceFile],
    spans: &str,
    from: i64,
    to: i64,
    every: i64,
) -> Result<Replayed, Failure> {
    let root = root(spans)?;
    let failed = |error| Failure::because(format!("could not read `{spans}`"), error);
    let settings = Settings::default();
    let live = Live { store: root.store.clone(), spans: root.at(&Path::from("spans")) };
    let arrivals = arrivals_of(&root, live, from, to, &settings).await.map_err(failed)?;
    let evaluator = evaluator(settings, root)?;
    let set = RuleSet::load(rules, &BTreeMap::new());
    let times = std::iter::once(from).chain(schedule(from, to, every));
    replay(&evaluator, &set, &arrivals, times).await.map_err(failed)
}

fn table(replayed: &Replayed) -> String {
    let mut text = String::new();
    for Notification { at, title, text: told, .. } in &replayed.notifications {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{}  {}", time::format(*at), plain(title));
        for line in told.lines().skip(1) {
            let _ = writeln!(text, "    {}", plain(line));
        }
    }
    let alerts = replayed.alerts.len();
    let _ = writeln!(
        text,
        "{} notifications of {alerts} alerts in {} evaluations",
        replayed.notifications.len(),
        replayed.reports.len()
    );
    text
}

fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::because("could not write JSON", error))
}
