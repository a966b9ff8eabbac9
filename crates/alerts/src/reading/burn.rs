//! The burn of an error budget, as people read it: `error budget burn over 1h = 43.2x (432 of 10000), limit 14.4x`.

use fluo_rules::objective::{BurnValue, Objective};

use super::{Reading, found};
use crate::value::{Value, significant};

/// The readings of a rule about an objective; none where its values are not there.
pub(super) fn readings(
    objective: &Objective,
    values: &[(String, Value)],
    peak: &[(String, Value)],
) -> Option<Vec<Reading>> {
    let (now, peak) = (Told { values }, Told { values: peak });
    let limit = now.number(BurnValue::BurnLimit)?;
    let pair = objective.pair_of_limit(limit)?;
    let limit = format!("limit {}x", significant(limit, 6));
    let of = |what: String, value: String, peak: String| Reading {
        what,
        value,
        peak,
        limit: limit.clone(),
        falls: false,
    };
    let left = of(format!("error budget left of {}", objective.period), now.left(), peak.left());
    Some(vec![
        of(format!("error budget burn over {}", pair.long), now.long(), peak.long()),
        of(format!("over {}", pair.short), now.burn(BurnValue::BurnShort), peak.burn(BurnValue::BurnShort)),
        Reading { limit: String::new(), falls: true, ..left },
    ])
}

/// The values of a moment.
struct Told<'a> {
    values: &'a [(String, Value)],
}

impl Told<'_> {
    fn number(&self, value: BurnValue) -> Option<f64> {
        found(self.values, value.as_str()).and_then(Value::as_f64)
    }

    fn burn(&self, value: BurnValue) -> String {
        self.number(value).map_or_else(|| Value::None.human(), |burn| format!("{}x", significant(burn, 3)))
    }

    /// The burn over the long window, and of what it is made.
    fn long(&self) -> String {
        let count = |value: BurnValue| found(self.values, value.as_str()).unwrap_or(Value::None).human();
        let (errors, total) = (count(BurnValue::Errors), count(BurnValue::Total));
        format!("{} ({errors} of {total})", self.burn(BurnValue::BurnLong))
    }

    fn left(&self) -> String {
        self.number(BurnValue::BudgetLeft)
            .map_or_else(|| Value::None.human(), |left| format!("{} %", significant(left * 100.0, 3)))
    }
}
