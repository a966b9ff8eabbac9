//! Reads the traces of violations that were just found, for the page that is kept beside the state.
//!
//! It comes last, and decides nothing: of a trace that is not read, the page shows the spans that the violation carries.

use std::collections::BTreeMap;

use fluo_alerts::life_cycle::ViolationRecord;
use fluo_alerts::step;
use fluo_alerts::step::failed;
use fluo_engine::{SoughtTrace, Tried, WholeTrace, tried, whole_traces};
use fluo_store::DataFile;
use fluo_time::TimeRange;
use fluo_time::range::joined;

use super::evaluator::Evaluator;
use super::files::Files;
use crate::chain;
use crate::page::trace::{SPANS, Sought, around};
use crate::rule_set::RuleSet;
use crate::span_data::ends_of;
use crate::state::State;

/// The most bytes of files that are read for the traces of one page.
const MOST_BYTES: u64 = 256 << 20;

impl Evaluator {
    /// Returns the files that hold the traces of violations, where a page shows them.
    pub(super) fn trace_files(&self, records: &[ViolationRecord], files: &Files) -> Vec<DataFile> {
        if !self.page.is_open() || records.is_empty() {
            return Vec::new();
        }
        let evidence = records.iter().flat_map(|record| &record.violation.evidence);
        let ends: Vec<TimeRange> = joined(evidence.map(|span| around(span.end_time)));
        let is_met = |file: &&DataFile| ends.iter().any(|ends| ends_of(file.stored()).meets(*ends));
        files.of_windows().filter(is_met).cloned().collect()
    }

    /// Reads the traces of what was found lately for the page, as far as they are not too much to read.
    pub(crate) async fn read_traces(&self, state: &State, rules: &RuleSet) {
        let (sought, files) = self.page.to_read(state, rules);
        let there = self.data.not_missing(&files, state);
        let (sought, files) = affordable(sought, &files, &there, MOST_BYTES);
        if sought.is_empty() {
            return;
        }
        let step = step!("read traces");
        match self.whole_traces(&sought, &files).await {
            Ok(traces) => self.page.add_traces(traces, state, rules),
            Err(reason) => failed(&step, reason),
        }
    }

    async fn whole_traces(
        &self,
        sought: &BTreeMap<[u8; 16], SoughtTrace>,
        files: &[DataFile],
    ) -> Result<BTreeMap<[u8; 16], WholeTrace>, String> {
        let mut source = self.data.readable(files).await?;
        let read = async |source: &_| whole_traces(&self.session, source, sought, SPANS).await;
        match Box::pin(tried(&mut source, read)).await {
            Tried::Ended(traces) => traces.map_err(|error| chain(&error)),
            Tried::Faulty(faulty) => {
                let reason = faulty.first().map(|left_out| chain(left_out.fault.reason()));
                Err(reason.unwrap_or_default())
            }
        }
    }
}

/// Returns the traces, those first that matter most, of which all files are there and have no more than so many bytes
/// together; and these files.
fn affordable(
    sought: Sought,
    files: &[DataFile],
    there: &[DataFile],
    most: u64,
) -> (BTreeMap<[u8; 16], SoughtTrace>, Vec<DataFile>) {
    let mut chosen: BTreeMap<&str, &DataFile> = BTreeMap::new();
    let mut traces = BTreeMap::new();
    for (id, trace) in sought.into_iter() {
        let of_trace = |file: &&DataFile| ends_of(file.stored()).meets(trace.ends);
        let needed: Vec<&DataFile> = there.iter().filter(of_trace).collect();
        if needed.len() < files.iter().filter(of_trace).count() {
            continue;
        }
        let mut with = chosen.clone();
        with.extend(needed.into_iter().map(|file| (file.location.as_ref(), file)));
        // Files that lie within one that was compacted are read as one.
        let stored: BTreeMap<&str, u64> =
            with.values().map(|file| (file.stored().location.as_ref(), file.stored().size)).collect();
        if stored.values().sum::<u64>() <= most {
            chosen = with;
            traces.insert(id, trace);
        }
    }
    (traces, chosen.into_values().cloned().collect())
}

#[cfg(test)]
mod tests {
    use fluo_time::Nanos;
    use object_store::path::Path;

    use super::*;

    /// A file of an hour of the first day of 1970.
    fn file(hour: i64, size: u64) -> DataFile {
        let location = Path::from(format!("spans/date=1970-01-01/hour={hour:02}/{size}.parquet"));
        DataFile { location, size, e_tag: None, last_modified_ms: 0, name: None, within: None }
    }

    #[test]
    fn traces_are_read_as_far_as_their_files_are_there_and_not_too_large() {
        let half_past = |hour: i64| (hour * 60 + 30) * Nanos::MINUTE.0;
        let sought = |hours: &[(u8, i64)]| {
            let mut sought = Sought::default();
            for (id, hour) in hours {
                sought.add([([*id; 16], [1; 8], half_past(*hour))]);
            }
            sought
        };
        let files = [file(1, 60), file(2, 50), file(3, 40)];
        for (scenario, hours, there, expected, read) in [
            ("all", vec![(1, 1), (2, 3)], 0..3, vec![1, 2], 2),
            ("the first that there is room for", vec![(1, 1), (2, 2), (3, 3)], 0..3, vec![1, 3], 2),
            ("two in one file", vec![(1, 1), (2, 1)], 0..3, vec![1, 2], 1),
            ("a file is missing", vec![(1, 1), (2, 3)], 1..3, vec![2], 1),
            ("nothing is sought", vec![], 0..3, vec![], 0),
        ] {
            let (traces, chosen) = affordable(sought(&hours), &files, &files[there], 100);
            assert_eq!(traces.keys().map(|id| id[0]).collect::<Vec<_>>(), expected, "{scenario}");
            assert_eq!(chosen.len(), read, "{scenario}");
        }
    }
}
