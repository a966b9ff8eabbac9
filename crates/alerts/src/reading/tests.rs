//! Conditions in their own terms.

use fluo_rules::{SourceFile, load};

use super::*;

fn rule(condition: &str) -> Rule {
    let text = format!(
        "- {{name: r, span: {{}}, aggregation: {{errors: {{count: {{where: status = error}}}}, total: count, \
         retries: {{sum: span.retries}}, p95: {{p95: duration}}, p50: {{p50: duration}}}}, \
         condition: '{condition}'}}"
    );
    let mut loaded = load(&[SourceFile::new("r.yml", text)]);
    assert!(!loaded.is_partial(), "{condition}: {:?}", loaded.findings);
    loaded.rules.remove(0)
}

fn values(errors: i128, p95: i128) -> Vec<(String, Value)> {
    [
        ("errors", Value::Int(errors)),
        ("total", Value::Int(600)),
        ("retries", Value::Float(900.0)),
        // As it is read back from a record.
        ("p95", Value::Int(p95)),
        ("p50", Value::Duration(100_000_000)),
        ("count", Value::Int(600)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// Returns the readings that have a limit.
fn said(condition: &str, errors: i128, p95: i128) -> Vec<String> {
    let (now, peak) = (values(errors, p95), values(366, 4_000_000_000));
    let readings = readings(&rule(condition), &now, &now, &peak);
    let limited = readings.iter().filter(|reading| !reading.limit.is_empty());
    limited.map(|reading| format!("{} = {}", reading.what, reading.against())).collect()
}

#[test]
fn conditions_in_their_own_terms() {
    for (condition, expected) in [
        ("count > 5", vec!["count = 600, limit 5 in 1m"]),
        ("gt(errors, 5)", vec!["errors = 271, limit 5 in 1m"]),
        ("errors / total > 10%", vec!["errors / total = 45.2 % (271 of 600), limit 10 % in 1m"]),
        ("errors / total > 0.1", vec!["errors / total = 45.2 % (271 of 600), limit 10 % in 1m"]),
        (
            "total >= 100 and 0.1 < errors / total",
            vec!["errors / total = 45.2 % (271 of 600), limit 10 % in 1m"],
        ),
        (
            "1 - errors / total < 99%",
            vec!["1 - errors / total = 54.8 % (errors = 271, total = 600), at least 99 % in 1m"],
        ),
        ("errors / count > 45.16%", vec!["errors / count = 45.1667 % (271 of 600), limit 45.16 % in 1m"]),
        ("retries / total > 0.5", vec!["retries / total = 1.5 (900 / 600), limit 0.5 in 1m"]),
        ("p95 > 1s", vec!["p95 = 2s, limit 1s in 1m"]),
        ("p95 >= 2s - 1us", vec!["p95 = 2s, limit 1s999ms999us in 1m"]),
        ("p95 > 3 * p50", vec!["p95 = 2s, limit 3 * p50 = 300ms in 1m"]),
        ("p95 / p50 > 3", vec!["p95 / p50 = 20 (2s / 100ms), limit 3 in 1m"]),
        ("errors < 1000", vec!["errors = 271, at least 1000 in 1m"]),
        ("not (errors >= 1000)", vec!["errors = 271, at least 1000 in 1m"]),
        ("errors != 0", vec!["errors = 271, must be 0 in 1m"]),
        ("p95 > 1s or errors > 1000", vec!["p95 = 2s, limit 1s in 1m"]),
        ("errors > 5 and p95 > 1s", vec!["errors = 271, limit 5 in 1m", "p95 = 2s, limit 1s in 1m"]),
    ] {
        assert_eq!(said(condition, 271, 2_000_000_000), expected, "{condition}");
    }
}

#[test]
fn what_lies_beyond_a_limit_looks_as_if_it_did() {
    assert_eq!(
        said("errors / total > 45.16%", 271, 0),
        ["errors / total = 45.1667 % (271 of 600), limit 45.16 % in 1m"]
    );
    assert_eq!(said("p95 > 2s", 0, 2_000_000_001), ["p95 = 2s1ns, limit 2s in 1m"]);
}

#[test]
fn declared_values_that_are_not_compared_stand_behind_and_the_peak_beside() {
    let rule = rule("errors / total > 10%");
    let now = values(271, 1);
    let readings = readings(&rule, &now, &now, &values(366, 4_000_000_000));
    let shown: Vec<_> = readings.iter().map(|reading| (reading.now(), reading.peak.as_str())).collect();
    assert_eq!(shown[0], ("errors / total = 45.2 % (271 of 600)".to_owned(), "61 % (366 of 600)"));
    assert_eq!(
        shown[1..].iter().map(|(now, _)| now.as_str()).collect::<Vec<_>>(),
        ["retries = 900", "p95 = 1ns", "p50 = 100ms"]
    );
}

/// The readings of an objective of 99.9 % over 30 days at these values, each with its peak.
fn of_objective(values: [f64; 6]) -> Vec<String> {
    let text = "- {name: r, span: {}, slo: {objective: 99.9%, good: status != error}}";
    let rule = load(&[SourceFile::new("r.yml", text)]).rules.remove(0);
    let named =
        ["burn_long", "burn_limit", "burn_short", "total", "errors", "budget_left"].into_iter().zip(values);
    let now: Vec<(String, Value)> =
        named.map(|(name, value)| (name.to_owned(), Value::Float(value))).collect();
    let peak: Vec<(String, Value)> = now.iter().map(|(name, _)| (name.clone(), Value::Float(50.0))).collect();
    let readings = readings(&rule, &now, &now, &peak);
    readings
        .iter()
        .map(|reading| format!("{} = {}; {}", reading.what, reading.against(), reading.peak))
        .collect()
}

#[test]
fn a_burning_budget_is_told_by_the_windows_that_hold() {
    assert_eq!(
        of_objective([43.2, 14.4, 160.0, 10_000.0, 432.0, 0.354]),
        [
            "error budget burn over 1h = 43.2x (432 of 10000), limit 14.4x; 50x (50 of 50)",
            "over 5m = 160x, limit 14.4x; 50x",
            "error budget left of 30d = 35.4 %; 5000 %",
        ]
    );
    assert_eq!(
        of_objective([7.0, 6.0, 8.0, 1e5, 700.0, -1.5])[..2],
        [
            "error budget burn over 6h = 7x (700 of 100000), limit 6x; 50x (50 of 50)",
            "over 30m = 8x, limit 6x; 50x",
        ]
    );
}

#[test]
fn a_limit_of_the_group_is_the_limit_that_is_told() {
    let of = |condition: &str, calls: Value| {
        let text = format!(
            "- {{name: r, span: {{}}, group_by: [name], aggregation: {{errors: {{count: {{where: status = error}}}}, \
             p95: {{p95: duration}}}}, limits: [{{name: a, calls: 3, share: 5%, slow: 540ms}}, {{calls: 9, share: 10%, slow: 2s}}], \
             condition: '{condition}'}}"
        );
        let rule = load(&[SourceFile::new("r.yml", text)]).rules.remove(0);
        let mut values = values(271, 600_000_000);
        values.extend([
            ("limit.calls".to_owned(), calls),
            ("limit.share".to_owned(), Value::Float(0.05)),
            // As it is read back from a record.
            ("limit.slow".to_owned(), Value::Int(540_000_000)),
        ]);
        let readings = readings(&rule, &values, &values, &values);
        assert!(readings.iter().all(|reading| !reading.what.starts_with("limit.")), "{readings:?}");
        assert_eq!(shown(Some(&rule), &values[8..]), [("limit.slow".to_owned(), "540ms".to_owned())]);
        let limited = readings.into_iter().filter(|reading| !reading.limit.is_empty());
        limited.map(|reading| reading.now() + ", " + &reading.limit).collect::<Vec<_>>()
    };
    for (condition, expected) in [
        ("errors > limit.calls", "errors = 271, limit 3 in 1m"),
        ("limit.calls < errors", "errors = 271, limit 3 in 1m"),
        ("p95 > limit.slow", "p95 = 600ms, limit 540ms in 1m"),
        ("p95 > 1.1 * limit.slow", "p95 = 600ms, limit 594ms in 1m"),
        ("errors / count > limit.share", "errors / count = 45.2 % (271 of 600), limit 5 % in 1m"),
        ("not (errors <= limit.calls)", "errors = 271, limit 3 in 1m"),
    ] {
        assert_eq!(of(condition, Value::Int(3)), [expected], "{condition}");
    }
    // The table of the rule as it is now may have no limit of what was observed by another.
    assert!(of("errors > limit.calls", Value::None).is_empty());
}
