//! A service level objective in words: what may fail, and when one of its rules holds.

use fluo_rules::objective::{BurnValue, Objective, Pair};

/// The lines about the objective of a rule.
pub(super) fn lines(objective: &Objective) -> Vec<String> {
    let Objective { budget, period, pairs, min_events } = objective;
    let mut lines = vec![format!(
        "Objective {} of spans in {period} must not fail: the error budget is {}",
        budget.rest_in_percent(),
        budget.in_percent()
    )];
    for (at, pair) in pairs.iter().enumerate() {
        let Pair { long, short, spends } = pair;
        let or = if at == 0 { "Burns    " } else { "       or" };
        lines.push(format!(
            "{or} more than {}x over {long} and over {short}: {spends} % of the budget in {long}",
            pair.limit(*period)
        ));
    }
    lines.push(format!("          with at least {min_events} spans in the long one of the two windows"));
    lines
}

/// Returns what a value is.
pub(super) fn value(value: BurnValue, objective: &Objective) -> String {
    let burn = |window: &str| format!("the share that failed in the {window} window, by the error budget");
    match value {
        BurnValue::BurnLong => burn("long"),
        BurnValue::BurnShort => burn("short"),
        BurnValue::BurnLimit => {
            "the burn that both must exceed, of the windows that do, or else are nearest to".to_owned()
        }
        BurnValue::Errors => "the spans that failed in the long window".to_owned(),
        BurnValue::Total => "all spans in the long window".to_owned(),
        BurnValue::BudgetLeft => {
            format!("1 less the part of the error budget of {} that is spent", objective.period)
        }
    }
}
