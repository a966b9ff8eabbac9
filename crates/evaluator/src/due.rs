//! Finds the moments of a rule that are to be judged now. Pure.
//!
//! New moments up to the watermark (exact rules: up to the evaluation's time), and every moment whose window spans that
//! have just arrived reach back to. Stretches begin and end where cells of time do, so that none cuts in two what an
//! earlier look found.

use fluo_alerts::life_cycle::RuleState;
use fluo_alerts::life_cycle::segment::runs;
use fluo_plan::Reach;
use fluo_time::range::{joined, without};
use fluo_time::{Nanos, TimeRange};

use crate::span_data::Holes;

/// The smallest cell: a minute.
const MINUTE: i64 = Nanos::MINUTE.0;

/// The facts that decide which moments of a rule are due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due<'a> {
    /// True if it is judged at the ends of its spans, else on the grid.
    pub(crate) exact: bool,
    /// True if spans that are missing can make it true.
    pub(crate) missing_matters: bool,
    /// True if it depends on the moments before whether it holds at a moment: it has a `resolve_condition`.
    pub(crate) goes_on: bool,
    /// The distances from a moment at which spans ended that matter to it.
    pub(crate) reach: Reach,
    /// Each evaluation judges so far below the last judged moment again: a trace is told some time after its last span
    /// ended.
    pub(crate) again: i64,
    /// Moments after this were judged without spans that may still come, and of a rule that missing spans can break they are
    /// judged again.
    pub(crate) sure_to: i64,
    /// Grid step.
    pub(crate) step: i64,
    /// Largest distance within a violation.
    pub(crate) gap: i64,
    pub(crate) eval_time: i64,
    pub(crate) watermark: i64,
    /// Spans that ended before this re-open nothing.
    pub(crate) late_from: i64,
    /// Some file has arrived after every moment before this.
    pub(crate) alive_to: i64,
    /// Ends of the spans of files that have just arrived.
    pub(crate) arrived: &'a [TimeRange],
    /// End of the newest span that is known.
    pub(crate) newest_end: i64,
    /// Event times of which spans are missing.
    pub(crate) holes: &'a Holes,
    /// Of a former text of the rule: the last moment that it judges.
    pub(crate) until: Option<i64>,
}

/// The moments that are due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Moments {
    /// The ranges to be judged, in order.
    pub(crate) stretches: Vec<TimeRange>,
    /// The ranges to be judged once what is unread can be read. An exact rule is judged there meanwhile, too: what it
    /// finds in fewer spans it also finds in all of them.
    pub(crate) owed: Vec<TimeRange>,
    /// The moment up to which it is judged then.
    pub(crate) judged_to: i64,
}

impl Due<'_> {
    /// The length of a cell: a whole number of grid steps, and no less than a minute.
    pub(crate) fn cell(&self) -> i64 {
        if self.exact { MINUTE } else { self.step * (MINUTE + self.step - 1).div_euclid(self.step) }
    }

    fn floor(&self, moment: i64) -> i64 {
        moment.div_euclid(self.cell()).saturating_mul(self.cell())
    }

    /// The last moment of the cell that `moment` lies in.
    fn ceil(&self, moment: i64) -> i64 {
        self.floor(moment).saturating_add(self.cell() - 1)
    }

    /// Nothing changes any more before this moment: no late span reaches there, nothing is owed, and moments up to
    /// `judged_to` were judged for good.
    pub(crate) fn horizon(&self, hold_for: i64, owed: &[TimeRange], judged_to: i64) -> i64 {
        let first = owed.first().map_or(self.late_from, |owed| owed.from.min(self.late_from)).min(judged_to);
        let reopened = first.saturating_sub(self.reach.after.max(self.again));
        self.floor(reopened.saturating_sub(self.gap).saturating_sub(hold_for))
    }

    /// The first moment, of those that were judged, which files that have just arrived reach back to.
    pub(crate) fn reopened(&self, state: &RuleState) -> Option<i64> {
        let late = self.arrived.iter().filter(|ends| ends.to >= self.late_from);
        let first = late.map(|ends| ends.from.max(self.late_from)).min()?;
        let first = first.saturating_sub(self.reach.after);
        (first <= state.judged_to).then(|| self.floor(first))
    }

    /// The moments that are due for a rule in this state.
    pub(crate) fn moments(&self, state: &RuleState) -> Moments {
        let known = if self.exact { self.eval_time } else { self.watermark };
        let top = if self.missing_matters { known.min(self.alive_to.saturating_sub(1)) } else { known };
        let top = self.until.map_or(top, |until| top.min(until)).max(state.judged_to);
        let mut stretches = Vec::new();
        let judged_for_good = state.judged_to.saturating_sub(self.again);
        if !self.exact || self.newest_end > judged_for_good {
            let from = judged_for_good.saturating_add(1);
            stretches.push(TimeRange { from: if self.again > 0 { self.floor(from) } else { from }, to: top });
        }
        for ends in self.arrived {
            let first = ends.from.max(self.late_from);
            if ends.to >= self.late_from && first.saturating_sub(self.reach.after) <= state.judged_to {
                let ends = TimeRange { from: first, to: ends.to };
                stretches.push(self.touched(ends, self.reach.before));
            }
        }
        stretches.extend(&state.owed);
        let within = |stretch: TimeRange| TimeRange {
            from: stretch.from.max(state.from.saturating_add(1)),
            to: stretch.to.min(top),
        };
        let mut stretches = joined(stretches.into_iter().map(within));
        if !self.exact {
            // Between two moments of the grid nothing is due, and no span is read.
            stretches.retain(|stretch| stretch.to.div_euclid(self.step) * self.step >= stretch.from);
        }
        if let (true, Some(first)) = (self.goes_on, stretches.first()) {
            // What becomes of one moment may go on to all that follow.
            stretches = vec![TimeRange { from: first.from, to: top }];
        }
        self.widen(&mut stretches, state, top);
        if self.missing_matters {
            stretches = without(&stretches, &self.touched_by(&self.holes.damaged, self.reach.silence));
        }
        let unread = self.touched_by(&self.holes.unread, self.reach.before);
        let readable = without(&stretches, &unread);
        let owed = without(&stretches, &readable);
        let judged_to = top.min(self.sure_to).max(state.judged_to);
        Moments { stretches: if self.exact { stretches } else { readable }, owed, judged_to }
    }

    /// The moments, in whole cells, that spans which ended in these stretches matter to, up to `before` after them.
    pub(crate) fn touched_by(&self, ends: &[TimeRange], before: i64) -> Vec<TimeRange> {
        joined(ends.iter().map(|ends| self.touched(*ends, before)))
    }

    /// The moments, in whole cells, that spans which ended in a stretch matter to: of a rule about spans, those of the
    /// windows that end in [e, e + before).
    fn touched(&self, ends: TimeRange, before: i64) -> TimeRange {
        TimeRange {
            from: self.floor(ends.from.saturating_sub(self.reach.after)),
            to: self.ceil(ends.to.saturating_add(before - 1)),
        }
    }

    /// Goes on to the end of every run that a stretch meets: what a run starts with is kept for its first segment only,
    /// so another may become the first only where it is looked at again.
    fn widen(&self, stretches: &mut Vec<TimeRange>, state: &RuleState, top: i64) {
        loop {
            let mut wider = stretches.clone();
            for group in state.groups.values() {
                for run in runs(&group.segments, self.gap) {
                    let run = TimeRange { from: run.first, to: run.last };
                    for stretch in &mut wider {
                        let near = TimeRange {
                            from: stretch.from.saturating_sub(self.gap),
                            to: stretch.to.saturating_add(self.gap),
                        };
                        if run.meets(near) && run.to > stretch.to {
                            stretch.to = self.ceil(run.to).min(top);
                        }
                    }
                }
            }
            let wider = joined(wider);
            if wider == *stretches {
                return;
            }
            *stretches = wider;
        }
    }
}

#[cfg(test)]
mod tests {
    use fluo_alerts::life_cycle::Segment;

    use super::*;

    fn minutes(minutes: i64) -> i64 {
        minutes * MINUTE
    }

    fn stretch(from: i64, to: i64) -> TimeRange {
        TimeRange { from, to }
    }

    static NONE: Holes = Holes { damaged: Vec::new(), unread: Vec::new() };

    /// A grid rule of one-minute steps and windows, evaluated at minute 101, an hour's lateness.
    fn reach(silence: i64, sums: i64, before: i64) -> Reach {
        Reach { before, sums, silence, after: 0 }
    }

    fn due() -> Due<'static> {
        Due {
            exact: false,
            missing_matters: false,
            goes_on: false,
            reach: reach(MINUTE, MINUTE, MINUTE),
            again: 0,
            sure_to: i64::MAX,
            step: MINUTE,
            gap: MINUTE,
            eval_time: minutes(101),
            watermark: minutes(100),
            late_from: minutes(40),
            alive_to: minutes(101),
            arrived: &[],
            newest_end: minutes(100),
            holes: &NONE,
            until: None,
        }
    }

    fn state() -> RuleState {
        RuleState { judged_to: minutes(99), ..RuleState::new(String::new(), 0) }
    }

    #[test]
    fn a_grid_rule_is_judged_up_to_the_watermark() {
        let moments = due().moments(&state());
        assert_eq!(moments.stretches, [stretch(minutes(99) + 1, minutes(100))]);
        assert_eq!(moments.judged_to, minutes(100));
    }

    #[test]
    fn between_two_moments_of_the_grid_a_grid_rule_is_not_judged() {
        let state = RuleState { judged_to: minutes(100), ..state() };
        let second = 1_000_000_000;
        for (after, expected) in
            [(5, vec![]), (59, vec![]), (60, vec![stretch(minutes(100) + 1, minutes(101))])]
        {
            let due = Due { watermark: minutes(100) + after * second, ..due() };
            let moments = due.moments(&state);
            assert_eq!(moments.stretches, expected, "{after} s after a moment");
            assert_eq!(moments.judged_to, due.watermark);
        }
    }

    #[test]
    fn an_exact_rule_is_judged_where_spans_are() {
        let exact = Due { exact: true, ..due() };
        assert_eq!(exact.moments(&state()).stretches, [stretch(minutes(99) + 1, minutes(101))]);
        let nothing_new = Due { newest_end: minutes(99), ..exact };
        assert_eq!(nothing_new.moments(&state()).stretches, []);
    }

    #[test]
    fn late_spans_reopen_whole_cells_of_their_windows() {
        let arrived = [stretch(minutes(50) + 5, minutes(51) + 5)];
        let moments = Due { arrived: &arrived, ..due() }.moments(&state());
        assert_eq!(
            moments.stretches,
            [stretch(minutes(50), minutes(53) - 1), stretch(minutes(99) + 1, minutes(100))]
        );
        let too_late = [stretch(minutes(30), minutes(39))];
        assert_eq!(Due { arrived: &too_late, ..due() }.moments(&state()).stretches.len(), 1);
    }

    #[test]
    fn what_may_go_on_from_moment_to_moment_is_judged_to_the_end() {
        let arrived = [stretch(minutes(50) + 5, minutes(51) + 5)];
        let due = Due { goes_on: true, arrived: &arrived, ..due() };
        assert_eq!(due.moments(&state()).stretches, [stretch(minutes(50), minutes(100))]);
        // What cannot be read yet leaves a hole, and is judged to the end once it can be.
        let holes = Holes { unread: vec![stretch(minutes(60) + 1, minutes(60) + 5)], ..Holes::default() };
        let holed = Due { holes: &holes, ..due }.moments(&state());
        assert_eq!(
            holed.stretches,
            [stretch(minutes(50), minutes(60) - 1), stretch(minutes(62), minutes(100))]
        );
        let state = RuleState { owed: holed.owed, judged_to: minutes(101), ..state() };
        let later = Due { arrived: &[], watermark: minutes(102), ..due };
        assert_eq!(later.moments(&state).stretches, [stretch(minutes(60), minutes(102))]);
    }

    #[test]
    fn late_spans_reopen_what_looks_back_to_them() {
        let arrived = [stretch(minutes(50) + 5, minutes(51) + 5)];
        let stretches = |sums, all| {
            Due { arrived: &arrived, reach: reach(MINUTE, minutes(sums), minutes(all)), ..due() }
                .moments(&state())
                .stretches
        };
        let new = stretch(minutes(99) + 1, minutes(100));
        assert_eq!(stretches(10, 20), [stretch(minutes(50), minutes(72) - 1), new]);
        assert_eq!(stretches(10, 10_000), [stretch(minutes(50), minutes(100))]);
    }

    #[test]
    fn a_hole_in_the_past_keeps_nothing_from_being_judged_but_what_cannot_be_read_yet_does() {
        let holes = Holes { damaged: vec![stretch(minutes(90), minutes(91))], ..Holes::default() };
        let reach = reach(minutes(5), minutes(60), minutes(600));
        let looking_back = Due { missing_matters: true, reach, holes: &holes, ..due() };
        assert_eq!(looking_back.moments(&state()).stretches, [stretch(minutes(99) + 1, minutes(100))]);
        let silent = Due { reach: Reach { silence: minutes(15), ..reach }, ..looking_back };
        assert_eq!(silent.moments(&state()).stretches, []);
        let unread = Holes { unread: vec![stretch(minutes(-400), minutes(-399))], ..Holes::default() };
        let moments = Due { holes: &unread, ..looking_back }.moments(&state());
        assert_eq!((moments.stretches, moments.owed.len()), (vec![], 1));
    }

    #[test]
    fn a_former_text_judges_moments_before_the_edit_only() {
        let arrived = [stretch(minutes(96) + 5, minutes(100))];
        let former = Due { arrived: &arrived, until: Some(minutes(98)), ..due() };
        let judged = RuleState { judged_to: minutes(98), ..RuleState::new(String::new(), 0) };
        assert_eq!(former.moments(&judged).stretches, [stretch(minutes(96), minutes(98))]);
        let later = [stretch(minutes(99), minutes(100))];
        assert_eq!(Due { arrived: &later, ..former }.moments(&judged).stretches, []);
    }

    #[test]
    fn a_run_that_is_met_is_judged_to_its_end() {
        let mut state = state();
        let segment = |first, last| Segment { first, last, ..Segment::default() };
        let segments = vec![segment(minutes(50), minutes(50)), segment(minutes(51), minutes(60))];
        let group = fluo_alerts::life_cycle::GroupState { segments, ..Default::default() };
        state.groups.insert(fluo_alerts::fingerprint::fingerprint("r", &[]), group);
        let arrived = [stretch(minutes(49), minutes(49))];
        let moments = Due { arrived: &arrived, ..due() }.moments(&state);
        assert_eq!(moments.stretches[0], stretch(minutes(49), minutes(61) - 1));
        // Nothing in the minute before is near enough to become part of the run.
        let farther = [stretch(minutes(48), minutes(48))];
        let moments = Due { arrived: &farther, ..due() }.moments(&state);
        assert_eq!(moments.stretches[0], stretch(minutes(48), minutes(49) - 1));
    }

    #[test]
    fn what_missing_spans_can_make_true_waits_for_a_file_and_for_whole_windows() {
        let waiting = Due { missing_matters: true, alive_to: minutes(99), ..due() };
        assert_eq!(
            waiting.moments(&state()),
            Moments { stretches: Vec::new(), owed: Vec::new(), judged_to: minutes(99) }
        );
        let alive = Due { missing_matters: true, ..due() };
        assert_eq!(alive.moments(&state()).judged_to, minutes(100));
        let holes = Holes { damaged: vec![stretch(minutes(99), minutes(99) + 5)], ..Holes::default() };
        let holed = Due { missing_matters: true, holes: &holes, ..due() };
        assert_eq!(holed.moments(&state()).stretches, []);
    }

    #[test]
    fn what_was_judged_in_silence_is_judged_again_once_a_file_comes() {
        let exact = Due { exact: true, again: minutes(2), sure_to: minutes(70), ..due() };
        let state = RuleState { judged_to: minutes(70), ..state() };
        let silent = exact.moments(&state);
        assert_eq!(silent.stretches, [stretch(minutes(68), minutes(101))]);
        assert_eq!(silent.judged_to, minutes(70));
        assert!(exact.horizon(0, &[], silent.judged_to) < minutes(38), "late spans reach farther");
        let all_night = Due { late_from: minutes(100), ..exact };
        assert_eq!(all_night.horizon(0, &[], silent.judged_to), minutes(67), "what was found there is known");
        let alive = Due { sure_to: minutes(102), ..exact }.moments(&state);
        assert_eq!((alive.stretches, alive.judged_to), (silent.stretches, minutes(101)));
    }

    #[test]
    fn moments_whose_spans_cannot_be_read_are_owed_until_they_can_be() {
        let holes = Holes { unread: vec![stretch(minutes(99) + 1, minutes(99) + 5)], ..Holes::default() };
        let owed = vec![stretch(minutes(99) + 1, minutes(100))];
        let down = Due { holes: &holes, ..due() }.moments(&state());
        assert_eq!(down, Moments { stretches: Vec::new(), owed: owed.clone(), judged_to: minutes(100) });
        let exact = Due { exact: true, holes: &holes, ..due() }.moments(&state());
        assert_eq!(exact.stretches, [stretch(minutes(99) + 1, minutes(101))]);
        assert_eq!(exact.owed, [stretch(minutes(99) + 1, minutes(101) - 1)]);
        // Two hours later, far behind what late spans re-open.
        let state = RuleState { owed: owed.clone(), judged_to: minutes(220), ..state() };
        let later =
            Due { eval_time: minutes(221), watermark: minutes(220), late_from: minutes(160), ..due() };
        assert_eq!(later.moments(&state).stretches, owed);
        assert_eq!(later.moments(&state).owed, []);
    }
}
