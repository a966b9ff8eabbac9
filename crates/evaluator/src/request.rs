//! A request for an evaluation: of which time, and why. Pure.
//!
//! The schedule asks whenever it is time. Whoever knows that files may have arrived asks in between, so that a violation
//! is told seconds after its file. Both are evaluations like any other. They differ in one thing: where no file has
//! arrived, a request by arrival asks for nothing.

/// A request for an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// The evaluation's logical time; nanoseconds since the epoch.
    pub eval_time: i64,
    /// The reason for it.
    pub cause: Cause,
}

/// The reason why an evaluation is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It is time.
    Schedule,
    /// Files may have arrived. Where none has, nothing is evaluated and nothing written.
    Arrival,
}

impl Request {
    /// A request of the schedule.
    pub fn scheduled(eval_time: i64) -> Self {
        Self { eval_time, cause: Cause::Schedule }
    }

    /// A request because files may have arrived.
    pub fn by_arrival(eval_time: i64) -> Self {
        Self { eval_time, cause: Cause::Arrival }
    }
}

/// The times at which a process evaluates, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timetable {
    /// The schedule's evaluations are at its multiples.
    pub every: i64,
    /// In between it is looked at its multiples whether files have arrived.
    pub on_arrival: Option<i64>,
}

impl Timetable {
    /// Returns the request that follows the one of the time `last`. One whose time has passed is due at once; of several
    /// that have passed, the newest makes up for the others. A clock that was set back begins anew.
    pub fn next(&self, last: i64, now: i64) -> Request {
        let last = if last.saturating_sub(now) > self.every { now } else { last };
        let after = |distance: i64| {
            let passed = now.div_euclid(distance).saturating_mul(distance);
            let following = last.div_euclid(distance).saturating_add(1).saturating_mul(distance);
            passed.max(following)
        };
        let scheduled = after(self.every);
        match self.on_arrival.map(after) {
            Some(look) if look < scheduled => Request::by_arrival(look),
            _ => Request::scheduled(scheduled),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> i64 {
        seconds * 1_000_000_000
    }

    #[test]
    fn what_follows_what() {
        let both = Timetable { every: at(60), on_arrival: Some(at(5)) };
        let alone = Timetable { on_arrival: None, ..both };
        let (scheduled, look) =
            (|seconds| Request::scheduled(at(seconds)), |seconds| Request::by_arrival(at(seconds)));
        let cases = [
            ("without looks", alone, at(61), at(61), scheduled(120)),
            ("a look in between", both, at(61), at(61), look(65)),
            ("the schedule comes first where both are due", both, at(115), at(116), scheduled(120)),
            ("the one that has just been", both, at(120), at(120), look(125)),
            ("a look that took long holds up no evaluation", both, at(115), at(127), scheduled(120)),
            ("an evaluation that took long costs looks", both, at(120), at(137), look(135)),
            ("one makes up for many", alone, at(60), at(250), scheduled(240)),
            ("a timer that was early", alone, at(120), at(119), scheduled(180)),
            ("a clock that was set back", both, at(7200), at(101), look(105)),
            (
                "looks that do not fit into a minute",
                Timetable { on_arrival: Some(at(7)), ..both },
                at(56),
                at(57),
                scheduled(60),
            ),
            (
                "looks that are rarer than evaluations",
                Timetable { on_arrival: Some(at(90)), ..both },
                at(61),
                at(61),
                look(90),
            ),
            ("before the epoch", both, at(-7), at(-6), look(-5)),
        ];
        for (scenario, timetable, last, now, expected) in cases {
            assert_eq!(timetable.next(last, now), expected, "{scenario}");
        }
    }
}
