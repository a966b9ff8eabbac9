//! Sampled traces, from the rule language's section 6: a span that was kept with the probability p counts 1 / p times.
//!
//! It is written down as often as that, and so that there are no parts of spans, all are written down [`SHARES`] times.

use fluo_rules::rule::{Rule, Sampling};
use fluo_spans::span::Span;

use super::number::Number;

/// Every count is made of shares so large: 4 / 3 spans are four of them.
const SHARES: u128 = 3;

/// The spans, each as often as it has shares.
pub(super) fn repeated<'a>(rule: &Rule, spans: &[&'a Span]) -> Vec<&'a Span> {
    let times = |span: &Span| usize::try_from(shares(&span.trace_state)).unwrap_or(usize::MAX);
    match rule.sampling {
        Sampling::Stored => spans.to_vec(),
        Sampling::Adjusted => spans.iter().flat_map(|span| std::iter::repeat_n(*span, times(span))).collect(),
    }
}

/// The number of shares that one span has.
pub(super) fn shares_of_one(rule: &Rule) -> u128 {
    match rule.sampling {
        Sampling::Stored => 1,
        Sampling::Adjusted => SHARES,
    }
}

/// A count over repeated spans, as it is of the spans.
#[expect(clippy::cast_precision_loss, reason = "within the doubles")]
pub(super) fn shared(rule: &Rule, number: Number) -> Option<Number> {
    match (rule.sampling, number) {
        (Sampling::Stored, number) => Some(number),
        (Sampling::Adjusted, Number::Int(int)) => Number::finite(int as f64 / SHARES as f64),
        (Sampling::Adjusted, Number::Float(float)) => Number::finite(float / SHARES as f64),
    }
}

/// The shares of a span with this trace state: those of one span, if nothing is said of sampling.
///
/// # Panics
///
/// If it is no whole number of them: such a threshold is none to test with.
fn shares(trace_state: &str) -> u128 {
    let of_vendor = trace_state.split(',').map(str::trim).find(|member| member.starts_with("ot="));
    let entry = of_vendor
        .into_iter()
        .flat_map(|member| member[3..].split(';'))
        .find(|entry| entry.starts_with("th:"));
    let digits = entry.map_or("", |entry| &entry[3..]);
    if digits.is_empty() || digits.len() > 14 || !digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
        return SHARES;
    }
    let padded = format!("{digits:0<14}");
    let threshold = padded
        .chars()
        .fold(0_u128, |number, digit| number * 16 + u128::from(digit.to_digit(16).unwrap_or(0)));
    let all = 1_u128 << 56;
    assert_eq!(SHARES * all % (all - threshold), 0, "{trace_state}");
    SHARES * all / (all - threshold)
}
