//! `fluo replay`: what would have been alerted, when, and how it would have resolved.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fluo_alerts::escape::plain;
use fluo_alerts::notification::Notification;
use fluo_evaluator::replay::Replayed;
use fluo_time::{Nanos, TimeRange, moment};

use crate::args::{Replay, ReplayFormat};
use crate::edge::now;
use crate::exit::{Failure, Status};
use crate::history::History;
use crate::rule_files;
use crate::terminal::Output;

/// More alerts than anybody reads one by one.
const MANY: usize = 20;

pub(crate) async fn run(args: &Replay) -> Result<Status, Failure> {
    let now = now();
    let moment = |text: &str| moment::parse(text, now).map_err(|error| Failure::usage(error.to_string()));
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
    let history = History::open(&args.spans, TimeRange { from, to }, &args.arrival).await?;
    let replayed = history.replay(&files, every.0).await?;
    let mut output = Output::new();
    match args.format {
        ReplayFormat::Table => output.text(&table(&replayed))?,
        ReplayFormat::Json => output.json(&replayed.notifications)?,
        ReplayFormat::Ndjson => {
            for notification in &replayed.notifications {
                output.json(notification)?;
            }
        }
    }
    output.finish()?;
    let failed = replayed.reports.iter().any(|report| !report.failed_rules.is_empty());
    Ok(if failed { Status::Failed } else { Status::Done })
}

fn table(replayed: &Replayed) -> String {
    let mut text = String::new();
    for Notification { at, title, text: told, .. } in &replayed.notifications {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "{}  {}", moment::format(*at), plain(title));
        for line in told.lines().skip(1) {
            let _ = writeln!(text, "    {}", plain(line));
        }
    }
    let alerts: Vec<(&str, i64)> = replayed.told().map(|(rule, past)| (rule, past.alert.starts_at)).collect();
    if alerts.len() > MANY {
        text += &summary(&alerts);
    }
    let alerts = alerts.len();
    let _ = writeln!(
        text,
        "{} notifications of {alerts} alerts in {} evaluations",
        replayed.notifications.len(),
        replayed.reports.len()
    );
    text
}

/// Returns how many alerts of each rule began in each hour.
fn summary(alerts: &[(&str, i64)]) -> String {
    let mut hours: BTreeMap<&str, BTreeMap<i64, usize>> = BTreeMap::new();
    for (rule, starts_at) in alerts {
        let hour = starts_at - starts_at.rem_euclid(Nanos::HOUR.0);
        *hours.entry(rule).or_default().entry(hour).or_default() += 1;
    }
    let mut text = "\nAlerts by rule and the hour in which they began:\n".to_owned();
    for (rule, hours) in hours {
        // Writing to a `String` cannot fail.
        let _ = writeln!(text, "  {}: {}", plain(rule), hours.values().sum::<usize>());
        for (hour, alerts) in hours {
            let _ = writeln!(text, "    {}  {alerts:>5}", moment::format(hour));
        }
    }
    text.push('\n');
    text
}
