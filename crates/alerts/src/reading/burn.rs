//! How an error budget burns, as people read it: `error budget burn over 1h = 43.2x (432 of 10000), limit 14.4x`.

use fluo_rules::objective::{BurnValue, Objective};

use super::{Reading, found};
use crate::value::{Value, significant};

/// The readings of a rule about an objective; none where its values are not there.
pub(super) fn readings(
    objective: &Objective,
    values: &[(String, Value)],
    peak: &[(String, Value)],
) -> Option<Vec<Reading>> {
    let limit = number(values, BurnValue::BurnLimit)?;
    let pair = objective.pair_of_limit(limit)?;
    let reading = |what: String, of: &dyn Fn(&[(String, Value)]) -> String, limit: String, falls| Reading {
        what,
        value: of(values),
        peak: of(peak),
        limit,
        falls,
    };
    let of_burn = |value| {
        move |values: &[(String, Value)]| {
            number(values, value)
                .map_or_else(|| Value::None.human(), |burn| format!("{}x", significant(burn, 3)))
        }
    };
    let (long, short) = (of_burn(BurnValue::BurnLong), of_burn(BurnValue::BurnShort));
    let with_counts = |values: &[(String, Value)]| {
        let count = |value: BurnValue| found(values, value.as_str()).unwrap_or(Value::None).human();
        format!("{} ({} of {})", long(values), count(BurnValue::Errors), count(BurnValue::Total))
    };
    let left = |values: &[(String, Value)]| {
        number(values, BurnValue::BudgetLeft)
            .map_or_else(|| Value::None.human(), |left| format!("{} %", significant(left * 100.0, 3)))
    };
    let limit = format!("limit {}x", significant(limit, 6));
    Some(vec![
        reading(format!("error budget burn over {}", pair.long), &with_counts, limit.clone(), false),
        reading(format!("over {}", pair.short), &short, limit, false),
        reading(format!("error budget left of {}", objective.period), &left, String::new(), true),
    ])
}

fn number(values: &[(String, Value)], value: BurnValue) -> Option<f64> {
    found(values, value.as_str()).and_then(Value::as_f64)
}
