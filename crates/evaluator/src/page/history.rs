//! The findings of evaluations, as far back as the page shows them: values of rules, and violations.

use std::collections::BTreeMap;
use std::io::Read as _;

use fluo_alerts::life_cycle::ViolationRecord;
use fluo_alerts::life_cycle::transition::Status;
use fluo_alerts::reading::gauge::{Mark, Track};
use fluo_report::model::Trace;
use fluo_time::Nanos;
use serde::{Deserialize, Serialize};

use super::MARK_STEP;
use crate::rule_set::RuleSet;

/// Name and version of its format.
const SCHEMA: &str = "fluo.report-history/v1";
/// The time for which violations are kept.
pub(super) const KEPT: i64 = Nanos::DAY.0;
/// The most violations that are kept, the newest.
const MOST_VIOLATIONS: usize = 300;
/// The most values of a rule that are kept, the newest.
const MOST_VALUES: usize = 120;
/// The least, however many rules there are.
const LEAST_VALUES: usize = 12;
/// The values of all rules that are kept, where that leaves enough for each.
const ALL_VALUES: usize = 20_000;
/// The largest history that is read back, in bytes.
const MAX_BYTES: u64 = 1 << 28;

/// The history.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct History {
    schema: String,
    /// By the rule's name.
    pub(super) rules: BTreeMap<String, Past>,
    /// By id: the last record of each.
    violations: BTreeMap<String, ViolationRecord>,
    /// Whole traces of violations, by their ids, as they were read: so that they are read once.
    #[serde(default)]
    pub(super) traces: BTreeMap<String, Trace>,
}

/// The values of a rule.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Past {
    hash: String,
    pub(super) track: Track,
}

impl Default for History {
    fn default() -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            rules: BTreeMap::new(),
            violations: BTreeMap::new(),
            traces: BTreeMap::new(),
        }
    }
}

impl History {
    /// Returns it as it is stored.
    pub(super) fn encode(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self);
        // Maps with texts as keys are JSON, and memory takes all that is written.
        json.ok().and_then(|json| zstd::encode_all(&json[..], 3).ok()).unwrap_or_default()
    }

    /// Reads it back; none where it is of another format.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut json = Vec::new();
        zstd::Decoder::new(bytes).ok()?.take(MAX_BYTES).read_to_end(&mut json).ok()?;
        let history: Self = serde_json::from_slice(&json).ok()?;
        (history.schema == SCHEMA).then_some(history)
    }

    /// Puts itself behind an earlier history.
    pub(super) fn behind(self, mut earlier: Self) -> Self {
        earlier.violations.extend(self.violations);
        earlier.traces.extend(self.traces);
        for (name, past) in self.rules {
            match earlier.rules.get_mut(&name).filter(|known| known.hash == past.hash) {
                Some(known) => add(&mut known.track, &past.track, MOST_VALUES),
                None => {
                    earlier.rules.insert(name, past);
                }
            }
        }
        earlier
    }

    /// Forgets the violations that are none any more. As long as earlier ones are not known, they may be among these.
    pub(super) fn forget_withdrawn(&mut self) {
        self.violations.retain(|_, record| record.status == Status::Valid);
    }

    /// Returns the violations that stand, by their ids.
    pub(super) fn valid(&self) -> impl Iterator<Item = &ViolationRecord> {
        self.violations.values().filter(|record| record.status == Status::Valid)
    }

    /// Takes in what an evaluation found, and forgets what is too old.
    pub(super) fn add<'a>(
        &mut self,
        records: impl IntoIterator<Item = &'a ViolationRecord>,
        tracks: &BTreeMap<String, Track>,
        rules: &RuleSet,
        eval_time: i64,
    ) {
        for record in records {
            self.violations.insert(record.id.to_string(), record.clone());
        }
        let earliest = eval_time.saturating_sub(KEPT);
        self.violations.retain(|_, record| record.violation.ends_at >= earliest);
        if self.violations.len() > MOST_VIOLATIONS {
            let mut newest: Vec<_> =
                self.violations.iter().map(|(id, record)| (record.violation.ends_at, id.clone())).collect();
            newest.sort_unstable();
            for (_, id) in newest.iter().take(newest.len() - MOST_VIOLATIONS) {
                self.violations.remove(id);
            }
        }
        self.rules.retain(|name, past| rules.rules.get(name).is_some_and(|known| known.hash == past.hash));
        let most = (ALL_VALUES / rules.rules.len().max(1)).clamp(LEAST_VALUES, MOST_VALUES);
        for (name, track) in tracks {
            let Some(known) = rules.rules.get(name) else { continue };
            let past = self.rules.entry(name.clone()).or_insert_with(|| Past {
                hash: known.hash.clone(),
                track: Track { points: Vec::new(), ..track.clone() },
            });
            add(&mut past.track, track, most);
        }
    }
}

/// Adds the values of an evaluation to those of earlier ones.
fn add(past: &mut Track, new: &Track, most: usize) {
    let place = |mark: &Mark| mark.at.div_euclid(MARK_STEP);
    let mut points: BTreeMap<i64, Mark> =
        std::mem::take(&mut past.points).into_iter().map(|mark| (place(&mark), mark)).collect();
    for mark in &new.points {
        let is_known_closer = |known: &Mark| known.at != mark.at && known.reading.is_closer(&mark.reading);
        if !points.get(&place(mark)).is_some_and(is_known_closer) {
            points.insert(place(mark), mark.clone());
        }
    }
    let forgotten = points.len().saturating_sub(most);
    let points = points.into_values().skip(forgotten).collect();
    // Where nothing was read, what was known of groups is still the last that is known.
    let (groups, group_total) = if new.groups.is_empty() {
        (std::mem::take(&mut past.groups), past.group_total)
    } else {
        (new.groups.clone(), new.group_total)
    };
    *past = Track { points, groups, group_total, ..new.clone() };
}

#[cfg(test)]
mod tests {
    use fluo_alerts::reading::gauge::Against;

    use super::*;

    fn mark(at: i64, value: f64) -> Mark {
        let reading =
            Against { value: Some(value), limit: Some(10.0), closeness: Some(value / 10.0), holds: false };
        Mark { at, group: Vec::new(), reading }
    }

    #[test]
    fn the_closest_of_a_minute_is_kept_and_what_is_judged_again_replaces_it() {
        let track = |points: Vec<Mark>| Track { points, ..Track::default() };
        let mut past = track(Vec::new());
        add(&mut past, &track(vec![mark(10, 3.0), mark(MARK_STEP, 1.0)]), 5);
        add(&mut past, &track(vec![mark(20, 2.0)]), 5);
        assert_eq!(past.points, [mark(10, 3.0), mark(MARK_STEP, 1.0)], "less close in the same minute");
        add(&mut past, &track(vec![mark(10, 1.0)]), 5);
        assert_eq!(past.points[0], mark(10, 1.0), "the same moment, judged again");
        add(&mut past, &track((2..9).map(|minute| mark(minute * MARK_STEP, 1.0)).collect()), 5);
        assert_eq!((past.points.len(), past.points[0].at), (5, 4 * MARK_STEP), "the oldest are forgotten");
    }

    #[test]
    fn it_reads_back_and_nothing_else_does() {
        let mut history = History::default();
        history.rules.insert(
            "r".to_owned(),
            Past { hash: "h".to_owned(), track: Track { points: vec![mark(1, 2.5)], ..Track::default() } },
        );
        let read = History::decode(&history.encode()).unwrap();
        assert_eq!(read.rules["r"].track, history.rules["r"].track);
        assert!(History::decode(b"nonsense").is_none());
        let other = zstd::encode_all(&br#"{"schema":"other/v1","rules":{},"violations":{}}"#[..], 0).unwrap();
        assert!(History::decode(&other).is_none());
    }
}
