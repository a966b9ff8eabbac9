//! The demo's findings, put together: the terminal's text and the note beside the files are two tellings of it.

use fluo_alerts::value::Value;
use fluo_alerts::violation::Violation;
use fluo_time::moment;

use super::incident::{Change, Incident};
use super::rules::{AHEAD, UNCHECKED};
use super::series::Series;
use super::watch::{Alert, Minute};

/// All that is told.
pub struct Story {
    /// Nanoseconds since the epoch.
    pub(crate) start: i64,
    pub(crate) incident: Incident,
    pub(crate) minutes: Vec<Minute>,
    pub(crate) rule: RuleAtWork,
    /// The alert of that rule; `None` where it never fired.
    pub(crate) alert: Option<Alert>,
    /// Alerts of all other rules, and later ones of the same.
    pub(crate) others: Vec<Alert>,
    /// The rule's first violation as it is known in the end.
    pub(crate) whole: Option<Violation>,
    /// The moment at which the last span that the alert needed was in the bucket.
    pub(crate) in_bucket_at: Option<i64>,
    pub(crate) alarms: Vec<Alarm>,
    /// The alarm at the limit that the rule which looks ahead warns of.
    pub(crate) limit: Option<Alarm>,
    pub(crate) span_files: usize,
    /// The number of rules that were judged.
    pub(crate) rules: usize,
}

/// The rule that the story is about.
pub(crate) struct RuleAtWork {
    pub(crate) name: String,
    pub(crate) condition: String,
    pub(crate) window: String,
    /// Its value every few seconds.
    pub(crate) series: Series,
}

/// The alarm that the rule is compared with.
pub(crate) struct Alarm {
    pub(crate) name: String,
    pub(crate) description: String,
    /// With its window.
    pub(crate) condition: String,
    /// The moment at which it first went off.
    pub(crate) told_at: Option<i64>,
    /// Its value every minute.
    pub(crate) series: Series,
}

/// Something else that went wrong.
pub(crate) struct Meanwhile<'a> {
    /// The rule that tells of it.
    pub(crate) rule: &'a str,
    /// Its first alert; none where it did not fire.
    pub(crate) alert: Option<&'a Alert>,
    /// The text of what there was to tell, and how soon it was told.
    pub(crate) truth: String,
}

/// A way to learn of the incident, and how long it took.
pub(crate) struct Detection<'a> {
    pub(crate) by: &'a str,
    pub(crate) what: String,
    pub(crate) condition: String,
    pub(crate) told_at: Option<i64>,
}

impl Story {
    /// The events between two evaluations.
    pub(crate) fn changes(&self, after: i64, to: i64) -> Vec<Change> {
        self.incident.changes().into_iter().filter(|change| change.at > after && change.at <= to).collect()
    }

    /// Every alert, in the order in which they were told.
    pub(crate) fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.alert.iter().chain(&self.others)
    }

    /// Returns what else went wrong, and how it was told.
    pub(crate) fn meanwhile(&self) -> [Meanwhile<'_>; 2] {
        let told = |rule: &str| self.others.iter().find(|alert| alert.violation.rule == rule);
        let after = |alert: Option<&Alert>, from: i64| {
            alert.map_or_else(|| "never".to_owned(), |alert| elapsed(alert.told_at - from))
        };
        let unchecked = told(UNCHECKED);
        let of_unchecked = format!(
            "{} after a pod began to skip the check. No span of these requests is wrong: one is missing.",
            after(unchecked, self.incident.unchecked_from())
        );
        let ahead = told(AHEAD);
        let crossed = self.limit.as_ref().and_then(|limit| limit.told_at);
        let of_leak = match (ahead, crossed) {
            (Some(ahead), Some(crossed)) => format!(
                "{} before the limit of 500ms was crossed, at {}.",
                elapsed(crossed - ahead.told_at),
                clock(crossed)
            ),
            (Some(_), None) => "The limit was not crossed by the end of the demo.".to_owned(),
            (None, _) => "Nobody was warned.".to_owned(),
        };
        [
            Meanwhile { rule: UNCHECKED, alert: unchecked, truth: of_unchecked },
            Meanwhile { rule: AHEAD, alert: ahead, truth: of_leak },
        ]
    }

    /// The rule first, then what it is compared with.
    pub(crate) fn detections(&self) -> Vec<Detection<'_>> {
        let rule = Detection {
            by: &self.rule.name,
            what: "failed logins, judged at each of them".to_owned(),
            condition: format!("{} in {}", self.rule.condition, self.rule.window),
            told_at: self.alert.as_ref().map(|alert| alert.told_at),
        };
        let alarms = self.alarms.iter().map(|alarm| Detection {
            by: &alarm.name,
            what: alarm.description.clone(),
            condition: alarm.condition.clone(),
            told_at: alarm.told_at,
        });
        std::iter::once(rule).chain(alarms).collect()
    }

    /// The events between the mistake and the alert, with their times.
    pub(crate) fn path(&self) -> Vec<(String, i64)> {
        let mut path = vec![("the first pod gets a wrong token".to_owned(), self.incident.began())];
        if let Some(alert) = &self.alert {
            let reached = format!("{} within {}", values(&alert.violation.values), self.rule.window);
            path.push((reached, alert.violation.starts_at));
            path.extend(self.in_bucket_at.map(|at| ("its object is in the bucket".to_owned(), at)));
            path.push(("the next evaluation tells".to_owned(), alert.told_at));
        }
        path
    }
}

/// `count = 6, total = 20`
pub(crate) fn values(values: &[(String, Value)]) -> String {
    let one = |(name, value): &(String, Value)| format!("{name} = {}", value.human());
    values.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// `11:04:51`
pub(crate) fn clock(at: i64) -> String {
    moment::format(at).get(11..19).unwrap_or_default().to_owned()
}

/// `11:04`
pub(crate) fn minute(at: i64) -> String {
    moment::format(at).get(11..16).unwrap_or_default().to_owned()
}

/// `2m 05s`
pub(crate) fn elapsed(nanos: i64) -> String {
    let seconds = (nanos + 500_000_000).div_euclid(1_000_000_000);
    if seconds < 60 { format!("{seconds}s") } else { format!("{}m {:02}s", seconds / 60, seconds % 60) }
}

/// `2.1 %`
pub(crate) fn percent(ratio: f64) -> String {
    format!("{:.1} %", ratio * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_for_people() {
        assert_eq!(
            (clock(1_795_345_491_200_000_000).as_str(), minute(60_000_000_000).as_str()),
            ("11:04:51", "00:01")
        );
        let cases =
            [(0, "0s"), (59_400_000_000, "59s"), (59_500_000_000, "1m 00s"), (125_000_000_000, "2m 05s")];
        for (nanos, expected) in cases {
            assert_eq!(elapsed(nanos), expected);
        }
    }
}
