//! Runs that belong to one alert.

use super::segment::{Badness, Run, Segment, highest, runs};

/// The runs of one alert: the first that held for `for`, and those that began before it would have been over.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chain {
    /// The run that made it fire.
    pub(crate) run: Run,
    /// Place behind the last segment of all of its runs.
    pub(crate) to: usize,
    /// First holding moment.
    pub(crate) first: i64,
    /// Last holding moment of all of its runs.
    pub(crate) last: i64,
    /// The badness of its worst moment.
    pub(crate) worst: Badness,
    /// The moment since which it had held for `for` without a pause; none where that is not known any more.
    pub(crate) held_since: Option<i64>,
}

/// The lengths of time that things must last, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lengths {
    /// Largest distance of holding moments of one run.
    pub(crate) gap: i64,
    /// `for`.
    pub(crate) hold_for: i64,
    /// `keep_firing_for`.
    pub(crate) keep_firing_for: i64,
}

impl Lengths {
    /// The first moment at which an alert that last held at `last` does not fire any more.
    pub(crate) fn over(self, last: i64) -> i64 {
        last.saturating_add(self.gap).saturating_add(self.keep_firing_for)
    }

    /// Returns whether a run held for `for`. What was only kept going does not count.
    pub(crate) fn is_long_enough(self, run: &Run, segments: &[Segment]) -> bool {
        self.held_since(run, segments).is_some() || has_fired(run, segments)
    }

    /// The first moment since which a run held for `for`.
    fn held_since(self, run: &Run, segments: &[Segment]) -> Option<i64> {
        let (mut since, mut last) = (None, i64::MIN);
        segments[run.from..run.to].iter().find_map(|segment| {
            if segment.kept {
                since = None;
                return None;
            }
            let first = *since.get_or_insert(segment.first);
            last = last.max(segment.last);
            (last.saturating_sub(first) >= self.hold_for).then_some(first)
        })
    }
}

fn has_fired(run: &Run, segments: &[Segment]) -> bool {
    segments[run.from..run.to].iter().any(|segment| segment.fired)
}

/// The alerts that segments make.
pub(crate) fn chains(segments: &[Segment], lengths: Lengths) -> Vec<Chain> {
    let mut chains: Vec<Chain> = Vec::new();
    for run in runs(segments, lengths.gap) {
        let worst = highest(&segments[run.from..run.to]).map(Segment::badness).unwrap_or_default();
        match chains.last_mut() {
            Some(chain) if run.first < lengths.over(chain.last) => {
                chain.to = run.to;
                chain.last = chain.last.max(run.last);
                if worst.exceeds(chain.worst) {
                    chain.worst = worst;
                }
            }
            _ if lengths.is_long_enough(&run, segments) => {
                let held_since = lengths.held_since(&run, segments).filter(|_| !has_fired(&run, segments));
                let Run { to, first, last, .. } = run;
                chains.push(Chain { run, to, first, last, worst, held_since });
            }
            _ => {}
        }
    }
    chains
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::life_cycle::segment::tests::segment;

    /// Scenario, `for`, `keep_firing_for`, segments, alerts.
    type Case<'a> = (&'a str, i64, i64, &'a [(i64, i64)], &'a [(i64, i64)]);

    #[test]
    fn alerts_of_runs() {
        let cases: &[Case<'_>] = &[
            ("each run its own", 0, 0, &[(0, 5), (20, 20)], &[(0, 5), (20, 20)]),
            ("too short for `for`", 10, 0, &[(0, 9)], &[]),
            ("just long enough", 10, 0, &[(0, 10)], &[(0, 10)]),
            ("a short run before is not part of it", 10, 0, &[(0, 5), (20, 40)], &[(20, 40)]),
            ("kept firing: the next run joins", 0, 100, &[(0, 5), (20, 20)], &[(0, 20)]),
            ("a short run joins what fires", 10, 100, &[(0, 10), (30, 31)], &[(0, 31)]),
            ("at the very end it does not", 0, 5, &[(0, 5), (20, 20)], &[(0, 5), (20, 20)]),
        ];
        for (scenario, hold_for, keep_firing_for, segments, expected) in cases {
            let segments: Vec<Segment> = segments.iter().map(|&(first, last)| segment(first, last)).collect();
            let lengths = Lengths { gap: 10, hold_for: *hold_for, keep_firing_for: *keep_firing_for };
            let found: Vec<_> =
                chains(&segments, lengths).iter().map(|chain| (chain.first, chain.last)).collect();
            assert_eq!(found, *expected, "{scenario}");
        }
    }
}
