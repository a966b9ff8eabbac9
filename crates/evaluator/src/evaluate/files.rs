//! The files of an evaluation, and those of them that prove an alert.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use fluo_alerts::fingerprint::Fingerprint;
use fluo_alerts::life_cycle::RuleState;
use fluo_alerts::notification::{FileRef, Id};
use fluo_plan::RulePlan;
use fluo_store::{DataFile, Hour};
use fluo_time::TimeRange;
use fluo_time::range::meet;

use super::evaluator::Evaluator;
use crate::chain;
use crate::span_data::ends_of;
use crate::state::State;

/// The files of the partitions in which files still arrive.
pub(super) struct Files {
    pub(super) hours: RangeInclusive<Hour>,
    /// Those with spans.
    pub(super) all: Vec<DataFile>,
    /// Those of them that no evaluation has seen before.
    pub(super) new: Vec<DataFile>,
    /// All of which it is not known what ingest counted, those without spans too.
    pub(super) uncounted: Vec<DataFile>,
    /// Ends of the spans of new ones.
    pub(super) arrived: Vec<TimeRange>,
    /// The same, with the times in which the store has turned out to have spans: to functions over earlier windows.
    pub(super) changed: Vec<TimeRange>,
    /// The end of the store's first span; none where it has none, or where nobody asks.
    pub(super) first: Option<i64>,
    /// Those of older partitions that windows reach back to.
    pub(super) older: Vec<DataFile>,
}

impl Files {
    /// All that windows reach back to.
    pub(super) fn of_windows(&self) -> impl Iterator<Item = &DataFile> {
        self.older.iter().chain(&self.all)
    }
}

impl Evaluator {
    /// Puts the files of its window, and of the spans of its traces, to what is told of an alert that has just fired.
    pub(super) async fn name_files(
        &self,
        state: &State,
        of_rule: &mut RuleState,
        plan: &RulePlan,
        fired: &[(Fingerprint, Id)],
        all: &Files,
    ) {
        let mut etags: BTreeMap<String, String> = BTreeMap::new();
        let damaged: BTreeSet<&str> = state.damaged.iter().map(|damaged| damaged.name.as_str()).collect();
        for (fingerprint, id) in fired {
            let alerts = of_rule.groups.get_mut(fingerprint).map(|group| &mut group.alerts);
            let Some(alert) = alerts.into_iter().flatten().find(|alert| alert.told.id == *id) else {
                continue;
            };
            let violation = &alert.told.violation;
            let moment = violation.starts_at;
            let times = plan.times_of(TimeRange { from: moment, to: moment });
            let mut files = Vec::new();
            for file in all.of_windows().filter(|file| meet(&times, ends_of(file))) {
                let name = self.data.name(file);
                if damaged.contains(self.data.name(file.stored()).as_str()) {
                    continue;
                }
                let etag = if let Some(etag) = etags.get(&name) {
                    etag.clone()
                } else {
                    // An alert is not held up by a file that has gone meanwhile: verifying will say that it has.
                    let read = fluo_store::etag(self.data.root(), file).await;
                    let etag = read.unwrap_or_else(|error| format!("unknown: {}", chain(&error)));
                    etags.insert(name.clone(), etag.clone());
                    etag
                };
                files.push(FileRef { name, etag });
            }
            alert.told.files = files;
        }
    }
}
