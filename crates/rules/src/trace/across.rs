//! Rules across traces: how far from an occasion the spans ended that decide.

use fluo_time::Nanos;

use super::{Demand, Forbidden, Sequence, TraceRule};

/// The longest time that a rule with `by` may look before or after an occasion.
pub const FARTHEST: Nanos = Nanos(7 * Nanos::DAY.0);

/// The times at which the spans of a step ended, seen from the end `e` of the occasion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Near {
    /// In `(e − D, e]`.
    Before(Nanos),
    /// In `(e, e + D]`.
    After(Nanos),
    /// In either.
    Within(Nanos),
}

impl Near {
    /// The time before the occasion; a span that ended so long before it is too old by one nanosecond.
    pub fn before(self) -> i64 {
        match self {
            Self::Before(nanos) | Self::Within(nanos) => nanos.0,
            Self::After(_) => 0,
        }
    }

    /// The time after it, at most.
    pub fn after(self) -> i64 {
        match self {
            Self::After(nanos) | Self::Within(nanos) => nanos.0,
            Self::Before(_) => 0,
        }
    }
}

/// The times around an occasion that ended at `e`: `(e − before, e + after]`, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Around {
    /// Before the occasion.
    pub before: i64,
    /// After it.
    pub after: i64,
}

impl Around {
    /// The occasion itself.
    const OCCASION: Self = Self { before: 1, after: 0 };

    fn or(self, other: Self) -> Self {
        Self { before: self.before.max(other.before), after: self.after.max(other.after) }
    }
}

impl TraceRule {
    /// Returns whether spans of different traces belong together.
    pub fn is_across(&self) -> bool {
        !self.by.is_empty()
    }

    /// With `by`: the times in which the spans ended that decide about an occasion.
    pub fn around(&self) -> Around {
        self.demands().map(|demand| self.around_demand(demand)).fold(Around::OCCASION, Around::or)
    }

    /// With `by`: the times in which the spans ended that decide whether what must be there is there.
    pub fn around_missing(&self) -> Around {
        let must = self.demands().filter(|demand| matches!(demand, Demand::Always(_) | Demand::Sequence(_)));
        must.map(|demand| self.around_demand(demand)).fold(Around::OCCASION, Around::or)
    }

    fn around_demand(&self, demand: Demand<'_>) -> Around {
        let around_step = |step: usize| {
            let near = self.steps[step].near;
            near.map_or(Around::OCCASION, |near| Around { before: near.before(), after: near.after() })
        };
        match demand {
            Demand::Always(step) => around_step(step),
            Demand::Never(Forbidden::Step(step)) => around_step(*step),
            Demand::Never(Forbidden::Sequence(sequence)) | Demand::Sequence(sequence) => {
                self.around_sequence(sequence)
            }
            Demand::Condition(_) => Around::OCCASION,
        }
    }

    /// The times in which the spans ended that can stand in a sequence with an occasion.
    pub fn around_sequence(&self, sequence: &Sequence) -> Around {
        let within = sequence.within.map_or(0, |within| within.0);
        let is_occasion = |step: Option<&usize>| step.copied() == self.occasion();
        Around {
            // It may end just so long before.
            before: if is_occasion(sequence.steps.first()) { 1 } else { within.saturating_add(1) },
            after: if is_occasion(sequence.steps.last()) { 0 } else { within },
        }
    }

    /// Returns the time after its moment, in event time, at which a violation is told that a missing span could explain.
    pub fn waits(&self) -> Nanos {
        if self.is_across() { Nanos(self.around_missing().after) } else { self.settle }
    }
}
