//! Service level objectives: by how much the error budget burns, over pairs of windows.
//!
//! The *error budget* is the share of all spans that may fail in the period. It *burns* at 1 where just so many fail
//! that nothing is left of it at the end of the period. A rule looks at two pairs of windows: the long one says that it
//! matters, the short one that it still goes on. This is the multi-window, multi-burn-rate alert of Google's *Site
//! Reliability Workbook*, chapter 5.
//!
//! The spans before the store's first one are not known. The time before counts as time in which nothing failed, with
//! as many spans as in the time that is known: nobody is paged because a store is new, and a failure of everything is
//! told at once.

use std::fmt;

use fluo_time::Nanos;

/// An objective, as one of its rules looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objective {
    /// The share of spans that may fail.
    pub budget: Share,
    /// The time for which the budget lasts.
    pub period: Nanos,
    /// The pairs of windows, the shorter first.
    pub pairs: [Pair; 2],
    /// A pair holds only with so many spans in its long window.
    pub min_events: u32,
}

/// A share of spans: so many of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Above 0, and below `of`.
    pub parts: u32,
    /// A power of ten.
    pub of: u32,
}

/// Two windows that end at the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The long one.
    pub long: Nanos,
    /// The short one.
    pub short: Nanos,
    /// The part of the budget, in percent, that is gone after one long window in which it burns at the limit.
    pub spends: u32,
}

/// The rules that an objective becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Someone must act now.
    Page,
    /// Someone must act in the next days.
    Ticket,
}

impl Urgency {
    /// Both, the more urgent first.
    pub const ALL: [Self; 2] = [Self::Page, Self::Ticket];

    /// As it stands behind the name of the objective.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
        }
    }

    /// The name of the rule.
    pub fn name_of(self, objective: &str) -> String {
        format!("{objective}/{}", self.as_str())
    }

    /// Its pairs of windows, the shorter first.
    pub fn pairs(self) -> [Pair; 2] {
        let pair = |long: Nanos, short: Nanos, spends| Pair { long, short, spends };
        let (minutes, hours) = (|count| Nanos(count * Nanos::MINUTE.0), |count| Nanos(count * Nanos::HOUR.0));
        match self {
            Self::Page => [pair(hours(1), minutes(5), 2), pair(hours(6), minutes(30), 5)],
            Self::Ticket => [pair(hours(24), hours(2), 10), pair(hours(72), hours(6), 10)],
        }
    }
}

/// The counts of the spans that ended in some last while, as far as they are known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Last {
    /// The spans that failed.
    pub errors: f64,
    /// All spans.
    pub total: f64,
    /// The part of that while in which the store had begun.
    pub known: Nanos,
}

/// A value of a rule about an objective. All but the budget left are of the pair that holds; where none does, of the one
/// that is nearest to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BurnValue {
    /// By how much the budget burns over the long window.
    BurnLong,
    /// The same over the short window.
    BurnShort,
    /// The burn that both must exceed.
    BurnLimit,
    /// Spans in the long window that failed.
    Errors,
    /// All spans in the long window.
    Total,
    /// The share of the period's budget that is left: below 0 where more has failed than may.
    BudgetLeft,
}

impl BurnValue {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::BurnLong, Self::BurnShort, Self::BurnLimit, Self::Errors, Self::Total, Self::BudgetLeft];

    /// Its name in conditions, templates and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BurnLong => "burn_long",
            Self::BurnShort => "burn_short",
            Self::BurnLimit => "burn_limit",
            Self::Errors => "errors",
            Self::Total => "total",
            Self::BudgetLeft => "budget_left",
        }
    }

    /// Returns whether it is a number of spans.
    pub fn counts(self) -> bool {
        matches!(self, Self::Errors | Self::Total)
    }
}

impl Share {
    /// As people read it: `0.1 %`.
    pub fn in_percent(self) -> String {
        format!("{} %", quotient(i128::from(self.parts) * 100, self.of.into()))
    }

    /// The share that must not fail, as people read it: `99.9 %`.
    pub fn rest_in_percent(self) -> String {
        Self { parts: self.of - self.parts, of: self.of }.in_percent()
    }
}

impl Pair {
    /// The burn that spends so much of the budget in one long window.
    pub fn limit(&self, period: Nanos) -> f64 {
        quotient(i128::from(self.spends) * i128::from(period.0), 100 * i128::from(self.long.0))
    }
}

impl Objective {
    /// Name of the aggregate that counts the spans of the present window that failed.
    pub const FAILED: &'static str = "failed";

    /// Returns how far back a group is there after each of its spans: over the longest short window, it can still burn.
    pub fn presence(&self) -> Nanos {
        self.pairs.iter().map(|pair| pair.short).max().unwrap_or_default()
    }

    /// The lengths of all that is summed up for a value.
    pub fn lengths(&self, value: BurnValue) -> Vec<Nanos> {
        match value {
            BurnValue::BudgetLeft => vec![self.period],
            _ => self.pairs.iter().flat_map(|pair| [pair.long, pair.short]).collect(),
        }
    }

    /// The pair whose limit this is.
    pub fn pair_of_limit(&self, limit: f64) -> Option<&Pair> {
        self.pairs.iter().find(|pair| pair.limit(self.period).to_bits() == limit.to_bits())
    }

    /// A value, of what is known of the last whiles.
    pub fn value(&self, value: BurnValue, last: &mut dyn FnMut(Nanos) -> Option<Last>) -> Option<f64> {
        if value == BurnValue::BudgetLeft {
            return Some(1.0 - self.burn(self.period, last(self.period)?)?);
        }
        let judged = self.pairs.map(|pair| Judged::of(self, pair, last));
        // Of equals, the shorter.
        let nearest = if judged[1].nearness() > judged[0].nearness() { &judged[1] } else { &judged[0] };
        let of = judged.iter().find(|judged| judged.holds(self.min_events)).unwrap_or(nearest);
        match value {
            BurnValue::BurnLong => of.burn_long,
            BurnValue::BurnShort => of.burn_short,
            BurnValue::BurnLimit => Some(of.limit),
            BurnValue::Errors => of.long.map(|long| long.errors),
            BurnValue::Total => of.long.map(|long| long.total),
            BurnValue::BudgetLeft => None,
        }
    }

    /// By how much the budget burns over a while: the share that failed, by the share that may. Whole where all of it is
    /// known; none where nothing ended.
    fn burn(&self, length: Nanos, last: Last) -> Option<f64> {
        let known = last.known.0.clamp(0, length.0);
        let (known, length) = lowest_terms(known.into(), length.0.into());
        let failed = last.errors * f64::from(self.budget.of) * nearest(known);
        let may = last.total * f64::from(self.budget.parts) * nearest(length);
        (known > 0 && may > 0.0).then(|| failed / may)
    }
}

/// A pair of windows with what is known of them.
struct Judged {
    limit: f64,
    long: Option<Last>,
    burn_long: Option<f64>,
    burn_short: Option<f64>,
}

impl Judged {
    fn of(objective: &Objective, pair: Pair, last: &mut dyn FnMut(Nanos) -> Option<Last>) -> Self {
        let (long, short) = (last(pair.long), last(pair.short));
        Self {
            limit: pair.limit(objective.period),
            long,
            burn_long: long.and_then(|long| objective.burn(pair.long, long)),
            burn_short: short.and_then(|short| objective.burn(pair.short, short)),
        }
    }

    fn holds(&self, min_events: u32) -> bool {
        let burns = |burn: Option<f64>| burn.is_some_and(|burn| burn > self.limit);
        let enough = self.long.is_some_and(|long| long.total >= f64::from(min_events));
        burns(self.burn_long) && burns(self.burn_short) && enough
    }

    /// The part of the limit that the lesser of the two burns is at.
    fn nearness(&self) -> f64 {
        let lesser = self.burn_long.zip(self.burn_short).map(|(long, short)| long.min(short));
        lesser.map_or(-1.0, |burn| burn / self.limit)
    }
}

/// A fraction in lowest terms. `of` is above 0.
fn lowest_terms(parts: i128, of: i128) -> (i128, i128) {
    let (mut divisor, mut rest) = (of, parts);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    (parts / divisor, of / divisor)
}

fn quotient(parts: i128, of: i128) -> f64 {
    let (parts, of) = lowest_terms(parts, of);
    nearest(parts) / nearest(of)
}

#[expect(clippy::cast_precision_loss, reason = "the nearest double is what is asked for")]
fn nearest(whole: i128) -> f64 {
    whole as f64
}

impl fmt::Display for BurnValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = Nanos::HOUR.0;

    fn objective(urgency: Urgency, days: i64, min_events: u32) -> Objective {
        Objective {
            budget: Share { parts: 1, of: 1000 },
            period: Nanos(days * Nanos::DAY.0),
            pairs: urgency.pairs(),
            min_events,
        }
    }

    #[test]
    fn limits_of_thirty_days_are_those_of_the_workbook() {
        let limits = |days: i64| {
            let all = Urgency::ALL.map(|urgency| {
                urgency.pairs().map(|pair| pair.limit(Nanos(days * Nanos::DAY.0)).to_string())
            });
            all.concat().join(" ")
        };
        assert_eq!(limits(30), "14.4 6 3 1");
        assert_eq!(limits(28), "13.44 5.6 2.8 0.9333333333333333");
        assert_eq!(limits(7), "3.36 1.4 0.7 0.23333333333333334");
    }

    #[test]
    fn shares_are_told_in_percent() {
        let share = Share { parts: 5, of: 10_000 };
        assert_eq!(
            (share.in_percent(), share.rest_in_percent()),
            ("0.05 %".to_owned(), "99.95 %".to_owned())
        );
    }

    /// Of each last while, in minutes: how many failed, of how many, and how many minutes of it are known.
    type Whiles = [(i64, f64, f64, i64)];

    fn values(objective: &Objective, whiles: &Whiles) -> Vec<Option<f64>> {
        let mut last = |length: Nanos| {
            let found = whiles.iter().find(|(minutes, ..)| minutes * Nanos::MINUTE.0 == length.0)?;
            let (_, errors, total, known) = *found;
            Some(Last { errors, total, known: Nanos(known * Nanos::MINUTE.0) })
        };
        BurnValue::ALL.into_iter().map(|value| objective.value(value, &mut last)).collect()
    }

    #[test]
    fn values_are_those_of_the_pair_that_holds_or_is_nearest_to() {
        let page = objective(Urgency::Page, 30, 100);
        let month = 30 * 24 * 60;
        for (scenario, whiles, expected) in [
            (
                "the limit itself is not above it",
                [(60, 144.0, 1e4, 60), (5, 20.0, 1e3, 5), (360, 0.0, 1e5, 360), (30, 0.0, 1e4, 30)],
                [14.4, 20.0, 14.4, 144.0, 1e4],
            ),
            (
                "a slow fire holds by the second pair",
                [(60, 100.0, 1e4, 60), (5, 1.0, 1e3, 5), (360, 7e2, 1e5, 360), (30, 80.0, 1e4, 30)],
                [7.0, 8.0, 6.0, 700.0, 1e5],
            ),
            (
                "both hold: the shorter says it",
                [(60, 1e4, 1e4, 60), (5, 1e3, 1e3, 5), (360, 1e4, 1e4, 360), (30, 1e3, 1e3, 30)],
                [1000.0, 1000.0, 14.4, 1e4, 1e4],
            ),
            (
                "too few in the hour, enough in six",
                [(60, 50.0, 50.0, 60), (5, 9.0, 9.0, 5), (360, 60.0, 300.0, 360), (30, 9.0, 9.0, 30)],
                [200.0, 1000.0, 6.0, 60.0, 300.0],
            ),
            (
                "the store is ten minutes old",
                [(60, 1e3, 1e3, 10), (5, 500.0, 500.0, 5), (360, 1e3, 1e3, 10), (30, 1e3, 1e3, 10)],
                [1000.0 / 6.0, 1000.0, 14.4, 1e3, 1e3],
            ),
        ] {
            let mut whiles = whiles.to_vec();
            whiles.push((month, 10.0, 1e5, month));
            let found = values(&page, &whiles);
            let mut expected: Vec<Option<f64>> = expected.into_iter().map(Some).collect();
            expected.push(Some(0.9));
            assert_eq!(found, expected, "{scenario}");
        }
    }

    #[test]
    fn nothing_has_no_value_and_the_budget_reaches_as_far_as_the_data() {
        let page = objective(Urgency::Page, 30, 1);
        assert_eq!(values(&page, &[]), [None, None, Some(14.4), None, None, None]);
        let month = 30 * 24 * 60;
        // Everything failed for two hours, in a store of two hours: 2.78 times what may fail in thirty days.
        let left = values(&page, &[(month, 5.0, 5.0, 120)])[5].unwrap();
        assert!((left - (1.0 - 1000.0 * 2.0 / 720.0)).abs() < 1e-12, "{left}");
        assert_eq!(page.presence(), Nanos(HOUR / 2));
    }
}
