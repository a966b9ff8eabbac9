//! The observations of one rule and group: holding moments in segments, and the runs that these make.
//!
//! A segment holds what one look at a stretch of time found. When the stretch is looked at again because late spans
//! reached back to it, its segments are replaced; a stretch never cuts a segment in two. Runs are segments at most
//! `gap` apart: they are the violations.

use std::cmp::Ordering;

use fluo_rules::rule::Severity;
use fluo_time::TimeRange;
use serde::{Deserialize, Serialize};

use crate::sample::Sample;
use crate::value::Value;
use crate::violation::{Evidence, Top};
use crate::wire;

/// Holding moments of one group within one stretch.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is one fact of its own, and most are false")]
pub struct Segment {
    /// First holding moment; nanoseconds since the epoch.
    pub first: i64,
    /// Last holding moment.
    pub last: i64,
    /// The moment that is worst ([`Badness`]); the earliest of equals.
    pub peak_at: i64,
    /// By how much it does; none where the comparison has no value.
    pub excess: Option<f64>,
    /// The severity of the highest level that held, at `peak_at`; none where the rule has one level.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "wire::optional_severity")]
    pub worst: Option<Severity>,
    /// The severity at `last`, in the same way.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "wire::optional_severity")]
    pub severity: Option<Severity>,
    /// True if no level held, and `resolve_condition` kept it going. Told apart in rules with `for` only, which waits for
    /// what holds.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub kept: bool,
    /// Values at `first`.
    #[serde(with = "wire::typed_values")]
    pub values: Vec<(String, Value)>,
    /// Values at `peak_at`.
    #[serde(with = "wire::typed_values")]
    pub peak: Vec<(String, Value)>,
    /// Values at `last`, where that is not `peak_at` (see [`Segment::latest`]).
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "wire::typed_values")]
    pub latest: Vec<(String, Value)>,
    /// The commonest values of the window at `peak_at`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<Top>,
    /// Of a rule about traces: the demands that the first trace of the window at `first` breaks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
    /// Of a rule about traces: the first trace, or across traces the first occasion, of the window at `first`; kept for the
    /// first segment of a run only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Spans of the window at `first`; kept for the first segment of a run only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// Traces of windows up to `last`; kept for the last segment of a run only.
    #[serde(default, skip_serializing_if = "Sample::is_empty")]
    pub traces: Sample,
    /// `true` where data of a window could not be read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// Behind what late spans can change, or from before the rule's text changed: never replaced.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub settled: bool,
    /// `true` where an earlier text of the rule had found it: it is part of an alert that goes on, and of no violation
    /// of this text.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inherited: bool,
    /// Of a group that is there without spans, for as long as it is remembered: the end of its last span before `last`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<i64>,
    /// `true` where it belongs to an alert that has held for `for` already, whatever is left of it here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fired: bool,
}

/// The badness of a moment: worse the higher the level that holds, then the more the first comparison of that level
/// exceeds its bound.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Badness {
    /// The level's severity; none where the rule has one level.
    pub severity: Option<Severity>,
    /// By how much the comparison exceeds its bound; none where it has no value.
    pub excess: Option<f64>,
}

impl Badness {
    /// Returns whether it is worse than another.
    pub fn exceeds(self, other: Self) -> bool {
        match self.severity.cmp(&other.severity) {
            Ordering::Greater => true,
            Ordering::Equal => exceeds(self.excess, other.excess),
            Ordering::Less => false,
        }
    }
}

impl Segment {
    /// The badness of its peak.
    pub fn badness(&self) -> Badness {
        Badness { severity: self.worst, excess: self.excess }
    }

    /// Values at `last`. Of a segment that was stored before these were kept, those of its peak.
    pub fn latest(&self) -> &[(String, Value)] {
        if self.latest.is_empty() { &self.peak } else { &self.latest }
    }
}

/// Segments at most `gap` apart, by their places in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Place of its first segment.
    pub from: usize,
    /// Place behind its last segment.
    pub to: usize,
    /// First holding moment.
    pub first: i64,
    /// Last holding moment.
    pub last: i64,
}

/// The runs of segments in order of time.
pub fn runs(segments: &[Segment], gap: i64) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for (at, segment) in segments.iter().enumerate() {
        match runs.last_mut() {
            Some(run) if segment.first.saturating_sub(run.last) <= gap => {
                run.to = at + 1;
                run.last = run.last.max(segment.last);
            }
            _ => runs.push(Run { from: at, to: at + 1, first: segment.first, last: segment.last }),
        }
    }
    runs
}

/// The segment of a run whose peak is highest; the earliest of equals.
pub(crate) fn highest(segments: &[Segment]) -> Option<&Segment> {
    let worse = |best: &Segment, segment: &Segment| segment.badness().exceeds(best.badness());
    segments.iter().reduce(|best, segment| if worse(best, segment) { segment } else { best })
}

/// Returns the traces of some segments.
pub(crate) fn sample(segments: &[Segment]) -> Sample {
    Sample::merged(segments.iter().map(|segment| &segment.traces))
}

/// Returns whether one excess is larger than another; none is smaller than any.
fn exceeds(one: Option<f64>, other: Option<f64>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one > other,
        (Some(_), None) => true,
        (None, _) => false,
    }
}

/// Puts what was found in the judged stretches in the place of what was there. In the `holed` ones some spans are
/// missing: what is not found there any more stands, and what is found there is added to it.
pub(crate) fn replace(
    segments: &mut Vec<Segment>,
    judged: &[TimeRange],
    holed: &[TimeRange],
    found: Vec<Segment>,
) {
    let within = |stretches: &[TimeRange], moment| stretches.iter().any(|stretch| stretch.contains(moment));
    segments
        .retain(|segment| segment.settled || !within(judged, segment.first) || within(holed, segment.first));
    for new in found {
        let old = segments.iter_mut().find(|old| {
            !old.settled && within(holed, old.first) && old.first <= new.last && new.first <= old.last
        });
        match old {
            Some(old) => old.add(new),
            None => segments.push(new),
        }
    }
    segments.sort_by_key(|segment| (segment.first, segment.last));
}

impl Segment {
    /// Adds what another look at the same moments found, some spans of which are missing to either.
    fn add(&mut self, other: Self) {
        let later = if other.last > self.last { &other } else { &*self };
        let (last, severity) = (later.last, later.severity);
        let highest = if other.badness().exceeds(self.badness()) { &other } else { &*self };
        let (peak_at, excess, worst) = (highest.peak_at, highest.excess, highest.worst);
        let peak = highest.peak.clone();
        let (fired, kept) = (self.fired || other.fired, self.kept && other.kept);
        let traces = Sample::merged([&self.traces, &other.traces]);
        if other.first < self.first {
            *self = other;
        }
        let whole =
            Self { last, peak_at, excess, worst, severity, kept, peak, fired, ..std::mem::take(self) };
        *self = Self { traces, partial: true, ..whole };
    }
}

/// Of runs that reach behind `horizon`, joins what lies behind it into one settled segment; where that is not long enough
/// to fire, what was kept stays apart from what held.
pub(crate) fn settle(
    segments: &mut Vec<Segment>,
    gap: i64,
    horizon: i64,
    is_long_enough: impl Fn(&Run, &[Segment]) -> bool,
) {
    let mut kept = Vec::with_capacity(segments.len());
    for run in runs(segments, gap) {
        let of_run = &segments[run.from..run.to];
        let inherited = of_run.partition_point(|segment| segment.inherited);
        kept.extend_from_slice(&of_run[..inherited]);
        let of_run = &of_run[inherited..];
        let old = of_run.partition_point(|segment| segment.last < horizon);
        let fired = is_long_enough(&run, segments);
        let joined = of_run[..old].chunk_by(|one, other| fired || one.kept == other.kept);
        kept.extend(joined.filter_map(|segments| base_of(segments, fired)));
        kept.extend_from_slice(&of_run[old..]);
    }
    *segments = kept;
}

/// Some segments of a run as one that is settled.
fn base_of(segments: &[Segment], fired: bool) -> Option<Segment> {
    let (first, rest) = segments.split_first()?;
    let mut base = Segment { traces: sample(segments), ..first.clone() };
    if let Some(best) = highest(segments) {
        base.peak_at = best.peak_at;
        base.excess = best.excess;
        base.worst = best.worst;
        base.peak.clone_from(&best.peak);
        base.top.clone_from(&best.top);
    }
    for segment in rest {
        base.latest = segment.latest().to_vec();
        base.severity = segment.severity;
        base.kept &= segment.kept;
        base.last = base.last.max(segment.last);
        base.partial |= segment.partial;
        base.fired |= segment.fired;
    }
    base.settled = true;
    base.fired |= fired;
    Some(base)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn segment(first: i64, last: i64) -> Segment {
        Segment { first, last, peak_at: first, excess: Some(0.0), ..Segment::default() }
    }

    fn shape(segments: &[Segment]) -> Vec<(i64, i64)> {
        segments.iter().map(|segment| (segment.first, segment.last)).collect()
    }

    #[test]
    fn segments_at_most_the_gap_apart_are_one_run() {
        let segments = [segment(0, 5), segment(15, 15), segment(26, 30)];
        let runs: Vec<_> = runs(&segments, 10).iter().map(|run| (run.first, run.last)).collect();
        assert_eq!(runs, [(0, 15), (26, 30)]);
    }

    #[test]
    fn what_was_judged_again_is_replaced_unless_it_is_settled() {
        let mut segments = vec![Segment { settled: true, ..segment(0, 1) }, segment(5, 6), segment(20, 21)];
        replace(&mut segments, &[TimeRange { from: 0, to: 10 }], &[], vec![segment(7, 8)]);
        assert_eq!(shape(&segments), [(0, 1), (7, 8), (20, 21)]);
    }

    #[test]
    fn where_spans_are_missing_what_was_found_stands_and_more_is_added() {
        let low = Segment { excess: Some(1.0), ..segment(5, 6) };
        let high = Segment { excess: Some(2.0), ..segment(6, 9) };
        let mut segments = vec![low, segment(20, 21)];
        let holed = [TimeRange { from: 0, to: 30 }];
        replace(&mut segments, &holed, &holed, vec![high, segment(13, 14)]);
        assert_eq!(shape(&segments), [(5, 9), (13, 14), (20, 21)]);
        assert_eq!((segments[0].excess, segments[0].peak_at, segments[0].partial), (Some(2.0), 6, true));
    }

    #[test]
    fn old_segments_of_a_run_settle_into_one_with_the_highest_peak() {
        let high = Segment { excess: Some(9.0), peak_at: 13, ..segment(12, 14) };
        let mut segments = vec![segment(0, 5), high, segment(20, 30), segment(90, 91)];
        settle(&mut segments, 10, 20, |_, _| true);
        assert_eq!(shape(&segments), [(0, 14), (20, 30), (90, 91)]);
        assert_eq!((segments[0].peak_at, segments[0].settled, segments[0].fired), (13, true, true));
    }
}
