//! `fluo status`: what fires now, how far behind evaluation is, what is wrong.

use std::fmt::Write as _;

use fluo_alerts::escape::plain;
use fluo_alerts::template::NO_VALUE;
use fluo_alerts::value::human_duration;
use fluo_evaluator::status::{self, Firing, Pending, Status as Now, Trouble};
use fluo_time::moment;

use crate::args::{StatusArgs, SummaryFormat};
use crate::deployed::Configured;
use crate::edge::now;
use crate::exit::{Failure, Status};
use crate::terminal::Output;

pub(crate) async fn run(args: &StatusArgs) -> Result<Status, Failure> {
    let configured = Configured::read(&args.config)?;
    let root = configured.root()?;
    let state = status::read(&root).await.map_err(|error| {
        Failure::because(format!("could not read the state in `{}`", configured.config.store), error)
    })?;
    let now = status::status(&state, now());
    let mut output = Output::new();
    match args.format {
        SummaryFormat::Human => output.text(&human(&now))?,
        SummaryFormat::Json => output.json(&now)?,
    }
    output.finish()?;
    Ok(Status::Done)
}

fn human(now: &Now) -> String {
    let (Some(eval_time), Some(behind)) = (now.eval_time, now.behind_ns) else {
        return "Nothing was evaluated yet.\n".to_owned();
    };
    let mut text = String::new();
    // Writing to a `String` cannot fail, here and below.
    if now.from_future {
        let _ = writeln!(
            text,
            "The last evaluation is of {}, which has not come: nothing is evaluated until then. `fluo set-back` sets \
             it right.",
            moment::format(eval_time)
        );
    } else {
        let _ = writeln!(
            text,
            "Evaluated up to {}, {} ago; {} evaluations.",
            moment::format(eval_time),
            human_duration(seconds(behind)),
            now.evaluations
        );
    }
    pipeline(&mut text, now);
    section(&mut text, "Firing", "No alert fires.", now.firing.iter().map(firing));
    section(&mut text, "Pending", "", now.pending.iter().map(pending));
    section(&mut text, "Troubles", "", now.troubles.iter().map(trouble));
    let page = now
        .page_error
        .iter()
        .map(|reason| format!("report/index.html could not be written: {}", plain(reason)));
    section(&mut text, "The page", "", page);
    section(&mut text, "Waiting to be delivered", "", outbox(now).into_iter());
    text
}

fn pipeline(text: &mut String, now: &Now) {
    let Some(arrived_at) = now.pipeline.arrived_at else {
        text.push_str("No data file was seen yet.\n");
        return;
    };
    let _ =
        write!(text, "The last new data file was seen by the evaluation of {}", moment::format(arrived_at));
    if let Some(newest) = now.pipeline.newest_end {
        let _ = write!(text, "; the newest span ended at {}", moment::format(newest));
    }
    text.push_str(if now.pipeline.stale { ". Nothing arrives any more.\n" } else { ".\n" });
    if let Some(set_aside) = &now.pipeline.set_aside {
        let _ = writeln!(text, "Ingest: {}.", plain(&set_aside.reason));
    }
}

fn section(text: &mut String, title: &str, nothing: &str, lines: impl Iterator<Item = String>) {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() {
        if !nothing.is_empty() {
            let _ = writeln!(text, "{nothing}");
        }
        return;
    }
    let _ = writeln!(text, "{title}:");
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

/// `critical checkout-errors [region=eu] since …: errors = 12`
pub(crate) fn firing(alert: &Firing) -> String {
    let values: Vec<String> =
        alert.values.iter().map(|(name, value)| format!("{} = {}", plain(name), plain(value))).collect();
    let muted = alert.muted_by.as_ref().map_or(String::new(), |by| format!(" (muted by {})", plain(by)));
    let related = alert
        .related_to
        .as_ref()
        .map_or(String::new(), |head| format!(" (related to {}{})", plain(&head.rule), group(&head.group)));
    format!(
        "{} {}{} since {}: {}{related}{muted}",
        alert.severity,
        plain(&alert.rule),
        group(&alert.group),
        moment::format(alert.since),
        values.join(", "),
    )
}

fn pending(alert: &Pending) -> String {
    format!(
        "{}{} since {}; fires at {} if it goes on",
        plain(&alert.rule),
        group(&alert.group),
        moment::format(alert.since),
        moment::format(alert.fires_at),
    )
}

fn trouble(trouble: &Trouble) -> String {
    format!(
        "{} {} since {}: {}",
        trouble.severity,
        plain(&trouble.title),
        moment::format(trouble.since),
        plain(&trouble.reason)
    )
}

fn outbox(now: &Now) -> Vec<String> {
    let mut lines: Vec<String> = now
        .outbox
        .sinks
        .iter()
        .map(|(sink, waiting)| {
            let refused = match waiting.refused {
                0 => String::new(),
                times => format!("; refused {times} times in a row"),
            };
            let since = moment::format(waiting.since);
            format!("{}: {} since {since}{refused}", plain(sink), waiting.waiting)
        })
        .collect();
    if now.outbox.held > 0 {
        lines.push(format!("{} are held back until the outage is caught up", now.outbox.held));
    }
    lines
}

/// ` [region=eu, tier=(none)]`
fn group(group: &[(String, Option<String>)]) -> String {
    if group.is_empty() {
        return String::new();
    }
    let entries: Vec<String> = group
        .iter()
        .map(|(key, value)| format!("{}={}", plain(key), plain(value.as_deref().unwrap_or(NO_VALUE))))
        .collect();
    format!(" [{}]", entries.join(", "))
}

/// Whole seconds: nobody is behind by nanoseconds.
fn seconds(nanos: i64) -> i128 {
    i128::from(nanos.div_euclid(1_000_000_000)) * 1_000_000_000
}
