//! The story for a terminal.

use std::path::Path;

use fluo_alerts::escape;
use fluo_alerts::violation::Evidence;

use super::story::{Meanwhile, Story, clock, elapsed, minute, percent, values};
use super::watch::Alert;

/// The number of spans of the evidence that are shown.
const EVIDENCE: usize = 3;

/// Escape sequences, or nothing.
#[derive(Clone, Copy)]
struct Paint {
    colour: bool,
}

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    fn head(self, text: &str) -> String {
        self.with("1", text)
    }

    fn faint(self, text: &str) -> String {
        self.with("2", text)
    }

    fn bad(self, text: &str) -> String {
        self.with("1;31", text)
    }

    fn good(self, text: &str) -> String {
        self.with("1;32", text)
    }
}

/// The whole text; `folder` is where the files lie.
pub fn tell(story: &Story, folder: &Path, colour: bool) -> String {
    let paint = Paint { colour };
    let mut lines = introduction(story, paint);
    lines.extend(minutes(story, paint));
    lines.push(String::new());
    lines.extend(alert(story, paint));
    lines.push(String::new());
    lines.extend(meanwhile(story, paint));
    lines.push(String::new());
    lines.extend(detection(story, paint));
    lines.push(String::new());
    lines.extend(afterwards(story, folder, paint));
    let mut text = String::new();
    for line in lines {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn introduction(story: &Story, paint: Paint) -> Vec<String> {
    let day = fluo_time::moment::format(story.start);
    let (objects, spans) = story
        .minutes
        .iter()
        .fold((0, 0), |(objects, spans), minute| (objects + minute.objects, spans + minute.spans));
    vec![
        paint.head("A shop's logins begin to fail, and one rule notices. Two more see what no error shows."),
        String::new(),
        format!(
            "Simulated: {} minutes of {}, {spans} spans of 7 services in {objects} OTLP objects.",
            story.minutes.len(),
            day.get(..10).unwrap_or_default(),
        ),
        format!(
            "Real: ingest, files and rules. {} span files were written, and {} rules judged every minute.",
            story.span_files, story.rules
        ),
        String::new(),
    ]
}

/// One line an evaluation.
fn minutes(story: &Story, paint: Paint) -> Vec<String> {
    let window = &story.rule.window;
    let heads = ["TIME", "OBJECTS", "SPANS", "LOGINS FAILED", "REQUESTS FAILED"];
    let mut lines = vec![
        paint.faint(&format!("{:<23}{:>13}  {:>15}", "", format!("most in {window}"), "in 5m")),
        paint.head(&format!(
            "{:<5}  {:>7}  {:>5}  {:>13}  {:>15}",
            heads[0], heads[1], heads[2], heads[3], heads[4]
        )),
    ];
    for at in &story.minutes {
        let before = at.at - 60_000_000_000;
        let series = &story.rule.series;
        let failed = series.highest(before, at.at);
        let count = format!("{:>13}", failed.map_or_else(String::new, |value| format!("{value:.0}")));
        let alarm = story.alarms.first();
        let ratio = alarm.and_then(|alarm| alarm.series.highest(before, at.at));
        let share = format!("{:>15}", ratio.map_or_else(String::new, percent));
        let over = |value: Option<f64>, threshold: f64| value.is_some_and(|value| value > threshold);
        let count = if over(failed, series.threshold) { paint.bad(&count) } else { count };
        let share = if over(ratio, alarm.map_or(f64::INFINITY, |alarm| alarm.series.threshold)) {
            paint.bad(&share)
        } else {
            share
        };
        let numbers = format!("{:<5}  {:>7}  {:>5}  {count}  {share}", minute(at.at), at.objects, at.spans);
        let mut told = told(story, before, at.at, paint).into_iter();
        lines.push(format!("{numbers}  {}", told.next().unwrap_or_default()));
        lines.extend(told.map(|told| format!("{:<55}{told}", "")));
    }
    lines
}

/// The events since the evaluation before, and this one's messages.
fn told(story: &Story, after: i64, to: i64, paint: Paint) -> Vec<String> {
    let mut told: Vec<String> = story
        .changes(after, to)
        .into_iter()
        .map(|change| paint.faint(&format!("{} {}", clock(change.at), change.what)))
        .collect();
    for alert in story.alerts() {
        let rule = &alert.violation.rule;
        if alert.told_at == to {
            told.push(paint.bad(&format!("ALERT {rule}")));
        }
        if alert.resolved_at == Some(to) {
            told.push(paint.good(&format!("RESOLVED {rule}")));
        }
    }
    for alarm in &story.alarms {
        if alarm.told_at.is_some_and(|at| at > after && at <= to) {
            told.push(format!("{} goes off", alarm.name));
        }
    }
    told
}

fn alert(story: &Story, paint: Paint) -> Vec<String> {
    let Some(Alert { violation, told_at, resolved_at, .. }) = &story.alert else {
        return vec![paint.bad(&format!("{} did not fire.", story.rule.name))];
    };
    let peak = story.whole.as_ref().map(|whole| values(&whole.peak));
    let mut lines = vec![
        paint.bad(&format!("ALERT  {}", escape::plain(&violation.summary))),
        format!("  told      {}, once", clock(*told_at)),
        format!("  since     {}", clock(violation.starts_at)),
        format!("  values    {}", values(&violation.values)),
        format!("  peak      {}", peak.unwrap_or_default()),
        format!("  resolved  {}", resolved_at.map_or_else(|| "not by the end of the demo".to_owned(), clock)),
        format!("  evidence  {} spans, the newest:", violation.evidence.len()),
    ];
    lines.extend(violation.evidence.iter().take(EVIDENCE).map(|span| format!("    {}", evidence(span))));
    lines
}

/// Returns what else went wrong.
fn meanwhile(story: &Story, paint: Paint) -> Vec<String> {
    let mut lines = vec![paint.head("MEANWHILE")];
    for Meanwhile { rule, alert, truth } in story.meanwhile() {
        let Some(Alert { violation, told_at, related, .. }) = alert else {
            lines.push(paint.bad(&format!("  {rule} did not fire.")));
            continue;
        };
        lines.push(format!("  {}", paint.bad(&escape::plain(&violation.summary))));
        lines.push(format!("    told at {} by {rule}, {truth}", clock(*told_at)));
        lines.extend(related.iter().map(|related| format!("    in the same message: {related}")));
        lines.extend(violation.evidence.first().map(|span| format!("    {}", evidence(span))));
    }
    lines
}

fn evidence(span: &Evidence) -> String {
    let attributes: Vec<String> =
        span.attributes.iter().map(|(key, value)| format!("{key}={}", escape::plain(value))).collect();
    format!(
        "trace {}  {} of {}  {}",
        span.trace_id,
        escape::plain(&span.name),
        escape::plain(span.service_name.as_deref().unwrap_or("(none)")),
        attributes.join(" ")
    )
}

fn detection(story: &Story, paint: Paint) -> Vec<String> {
    let began = story.incident.began();
    let detections = story.detections();
    let width = detections.iter().map(|detection| detection.by.len()).max().unwrap_or(0);
    let mut lines = vec![paint.head(&format!("TIME TO DETECTION, from {} on", clock(began)))];
    for (at, detection) in detections.into_iter().enumerate() {
        let took = detection.told_at.map_or_else(|| "never".to_owned(), |told| elapsed(told - began));
        let took = format!("{took:>8}");
        let took = if at == 0 && detection.told_at.is_some() { paint.good(&took) } else { took };
        let (by, what, condition) = (detection.by, detection.what, &detection.condition);
        lines.push(format!("  {by:<width$}  {took}  {condition}: {what}"));
    }
    lines.push(paint.faint("  (the alarms look every minute too, and see every request the moment it ends)"));
    lines.push(String::new());
    lines.push(format!("Where the time of {} went", story.rule.name));
    let mut last = began;
    for (what, at) in story.path() {
        lines.push(format!("  {}  {:>8}  {what}", clock(at), format!("+{}", elapsed(at - last))));
        last = at;
    }
    lines
}

fn afterwards(story: &Story, folder: &Path, paint: Paint) -> Vec<String> {
    let folder = escape::plain(&folder.to_string_lossy()).into_owned();
    vec![
        paint.head(&format!(
            "{folder} holds the objects, the span files, the violations and README.md. Next:"
        )),
        format!("  look at {folder}/report.html in a browser"),
        format!("  fluo eval --rules {folder}/rules --spans {folder}"),
        format!("  fluo explain {} --rules {folder}/rules", story.rule.name),
    ]
}
