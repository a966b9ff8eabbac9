//! The past of a store, for commands that look back: which evaluations are made, over which files, and what is not seen.

use std::collections::BTreeMap;

use fluo_evaluator::arrivals::Live;
use fluo_evaluator::past::{Arrival, Past, Seen};
use fluo_evaluator::replay::{Replayed, replay, schedule};
use fluo_evaluator::{Evaluator, RuleSet, Settings};
use fluo_rules::SourceFile;
use fluo_time::{Nanos, TimeRange, moment};
use object_store::path::Path;

use crate::deployed::{evaluator, root};
use crate::exit::Failure;
use crate::terminal;

/// The advice where files did not arrive when their spans ended.
const WAY_OUT: &str = "a local file arrives when it was last modified, a copy when it was copied; with --arrival end+75s \
                       each arrives 75 s after its newest span";

/// The files of a store in a stretch of time, some of which evaluations see.
pub(crate) struct History {
    spans: String,
    range: TimeRange,
    past: Past,
    evaluator: Evaluator,
}

impl History {
    /// Opens a store. That no file is seen is a failure: nothing would be found, whatever had happened.
    pub(crate) async fn open(spans: &str, range: TimeRange, arrival: &str) -> Result<Self, Failure> {
        let arrival = model(arrival)?;
        let root = root(spans)?;
        let settings = Settings::default();
        let live = Live { store: root.store.clone(), spans: root.at(&Path::from("spans")) };
        let past = Past::find(&root, live, range, &settings, arrival)
            .await
            .map_err(|error| Failure::because(format!("could not read `{spans}`"), error))?;
        if past.seen.in_time == 0 {
            return Err(nothing_seen(spans, range, &past.seen));
        }
        let missed = past.seen.too_late + past.seen.after;
        if missed > 0 {
            let (files, why) = (past.seen.files, missed_in_words(&past.seen));
            terminal::note(&format!(
                "warning: {missed} of {files} data files of this range are not judged: {why}\n  help: {WAY_OUT}"
            ));
        }
        Ok(Self { spans: spans.to_owned(), range, past, evaluator: evaluator(settings, root) })
    }

    /// Evaluates rules over it, every so many nanoseconds.
    pub(crate) async fn replay(&self, rules: &[SourceFile], every: i64) -> Result<Replayed, Failure> {
        let set = RuleSet::load(rules, &BTreeMap::new());
        let TimeRange { from, to } = self.range;
        let times = std::iter::once(from).chain(schedule(from, to, every));
        replay(&self.evaluator, &set, &self.past.arrivals, times)
            .await
            .map_err(|error| Failure::because(format!("could not read `{}`", self.spans), error))
    }
}

/// Reads `recorded`, or `end+75s`.
fn model(text: &str) -> Result<Arrival, Failure> {
    let wrong = || {
        Failure::usage(format!("--arrival: `{text}` is no model of arrival"))
            .hint("write `recorded`, or `end+75s` with any duration")
    };
    match text.split_once('+') {
        None if text == "recorded" => Ok(Arrival::Recorded),
        Some(("end", delay)) => match Nanos::parse(delay) {
            Ok(delay) if delay.0 >= 0 => Ok(Arrival::AfterEnd(delay)),
            Ok(_) => Err(wrong()),
            Err(error) => Err(Failure::usage(format!("--arrival: {error}")).hint(error.hint())),
        },
        _ => Err(wrong()),
    }
}

fn nothing_seen(spans: &str, range: TimeRange, seen: &Seen) -> Failure {
    let (from, to) = (moment::format(range.from), moment::format(range.to));
    let tried = format!("no data file of `{spans}` arrived between {from} and {to}");
    if seen.files == 0 {
        return Failure::because(tried, "no file there has spans of that time")
            .hint("look at --spans and at the range; `fluo ingest` makes data files of OTLP");
    }
    if seen.too_late + seen.after == 0 {
        return Failure::because(tried, "the range ends before its first file would arrive")
            .hint("let the range end later");
    }
    let tried = format!("no data file of `{spans}` arrived between {from} and {to} and in time to be judged");
    Failure::because(tried, format!("of {} files, {}", seen.files, missed_in_words(seen))).hint(WAY_OUT)
}

/// `12 arrived after the range, 2 more than 1h late, from … to …`
fn missed_in_words(seen: &Seen) -> String {
    let lateness = Settings::default().allowed_lateness;
    let of = |count: usize, what: String| (count > 0).then(|| format!("{count} arrived {what}"));
    let parts: Vec<String> = [
        of(seen.after, "after the range".to_owned()),
        of(seen.too_late, format!("more than {lateness} behind the watermark")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let when = match seen.missed {
        Some(TimeRange { from, to }) if from == to => format!(", at {}", moment::format(from)),
        Some(TimeRange { from, to }) => {
            format!(", from {} to {}", moment::format(from), moment::format(to))
        }
        None => String::new(),
    };
    format!("{}{when}", parts.join(" and "))
}
