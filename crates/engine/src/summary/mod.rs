//! Sums up what an aggregate takes of spans, so that it can be put together: of a window's parts, of threads, of files.
//!
//! A summary is a function of the values as a set with repetition. Neither the order of spans, nor the cut into parts,
//! nor the number of threads changes it.

mod exact_sum;
mod percentile;
mod weighed;

use std::cmp::Ordering;
use std::collections::BTreeSet;

use fluo_alerts::value::Value;
use fluo_rules::rule::{AggregateFunction, Rule, Sampling};
use fluo_time::Nanos;
use serde::{Deserialize, Serialize};

pub use exact_sum::ExactSum;
pub use percentile::{EXACT_LIMIT, Percentile};
pub use weighed::{Weighed, WeighedPercentile, Weight};

use crate::inputs::Own;

/// Values of the declared aggregates by name, in the order of the rule, and of `count` where it is not among them.
pub type Values = Vec<(String, Value)>;

/// The summary of what an aggregate takes of some spans.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Summary {
    /// Their number.
    Count(u64),
    /// The sum of their nanoseconds; none of nothing.
    Nanos(Option<i128>),
    /// Their smallest or largest nanoseconds.
    NanosBound {
        /// The largest is wanted, else the smallest.
        largest: bool,
        /// The one so far.
        of: Option<i64>,
    },
    /// Their smallest or largest number.
    Bound {
        /// The largest is wanted, else the smallest.
        largest: bool,
        /// The one so far.
        of: Option<f64>,
    },
    /// Number and exact sum of numbers; where the deviation is asked for, the sum of their squares.
    Moments {
        /// The number of numbers.
        count: u64,
        /// Their sum.
        sum: ExactSum,
        /// The sum of their squares.
        squares: Option<ExactSum>,
    },
    /// Numbers of which a percentile is asked.
    Percentile(Percentile),
    /// Texts, each once.
    Distinct(BTreeSet<Box<str>>),
    /// The number of spans that spans stand for.
    Standing(Weight),
    /// The sum of the nanoseconds of these; none of nothing.
    StandingNanos(Option<ExactSum>),
    /// Numbers of these: their sum, mean and deviation.
    StandingNumbers(Weighed),
    /// Numbers of these, of which a percentile is asked.
    StandingPercentile(WeighedPercentile),
}

impl Summary {
    /// Of no span.
    pub fn empty(function: &AggregateFunction) -> Self {
        match function {
            // A query computes its columns itself.
            AggregateFunction::Count | AggregateFunction::Rate { .. } | AggregateFunction::Column(_) => {
                Self::Count(0)
            }
            AggregateFunction::CountDistinct(_) => Self::Distinct(BTreeSet::new()),
            AggregateFunction::Sum(_) if function.is_of_durations() => Self::Nanos(None),
            AggregateFunction::Min(_) if function.is_of_durations() => {
                Self::NanosBound { largest: false, of: None }
            }
            AggregateFunction::Max(_) if function.is_of_durations() => {
                Self::NanosBound { largest: true, of: None }
            }
            AggregateFunction::Min(_) => Self::Bound { largest: false, of: None },
            AggregateFunction::Max(_) => Self::Bound { largest: true, of: None },
            AggregateFunction::Sum(_) | AggregateFunction::Avg(_) => {
                Self::Moments { count: 0, sum: ExactSum::default(), squares: None }
            }
            AggregateFunction::Stddev(_) => {
                Self::Moments { count: 0, sum: ExactSum::default(), squares: Some(ExactSum::default()) }
            }
            AggregateFunction::Percentile { .. } => Self::Percentile(Percentile::default()),
        }
    }

    /// Of no span of a rule.
    pub fn of_rule(rule: &Rule, function: &AggregateFunction) -> Self {
        if rule.sampling == Sampling::Stored {
            return Self::empty(function);
        }
        match function {
            AggregateFunction::Count | AggregateFunction::Rate { .. } => Self::Standing(Weight::default()),
            AggregateFunction::Sum(_) if function.is_of_durations() => Self::StandingNanos(None),
            AggregateFunction::Sum(_) | AggregateFunction::Avg(_) => {
                Self::StandingNumbers(Weighed::empty(false))
            }
            AggregateFunction::Stddev(_) => Self::StandingNumbers(Weighed::empty(true)),
            AggregateFunction::Percentile { .. } => Self::StandingPercentile(WeighedPercentile::default()),
            AggregateFunction::CountDistinct(_)
            | AggregateFunction::Min(_)
            | AggregateFunction::Max(_)
            | AggregateFunction::Column(_) => Self::empty(function),
        }
    }

    /// Adds a span that stands for others. Returns by how many bytes the summary grew.
    pub(crate) fn add_standing(&mut self, own: Own<'_>, weight: Weight) -> usize {
        #[expect(clippy::cast_precision_loss, reason = "means and percentiles are doubles")]
        let number = match own {
            Own::Nanos(nanos) => Some(nanos as f64),
            Own::Number(number) => Some(number).filter(|number| number.is_finite()),
            Own::Counted | Own::Text(_) => None,
        };
        match (self, own, number) {
            (Self::Standing(count), ..) => *count += weight,
            (Self::StandingNanos(sum), Own::Nanos(nanos), _) => {
                sum.get_or_insert_default().add_product(weight.to_f64(), nanos.into());
            }
            (Self::StandingNumbers(numbers), _, Some(number)) => numbers.add(number, weight),
            (Self::StandingPercentile(percentile), _, Some(number)) => {
                percentile.add(number, weight);
                return size_of::<(f64, Weight)>();
            }
            // Those that take each span once.
            (summary, Own::Nanos(nanos), _) => return summary.add_nanos(nanos),
            (summary, Own::Text(text), _) => return summary.add_text(text),
            (summary, Own::Number(number), _) => return summary.add_number(number),
            (_, Own::Counted, _) => {}
        }
        0
    }

    /// Adds spans that are counted and nothing else.
    pub fn add_count(&mut self, spans: u64) {
        if let Self::Count(count) = self {
            *count += spans;
        }
    }

    /// Adds a span's nanoseconds. Returns by how many bytes the summary grew.
    pub fn add_nanos(&mut self, nanos: i64) -> usize {
        match self {
            Self::Nanos(sum) => *sum = Some(sum.unwrap_or(0) + i128::from(nanos)),
            Self::NanosBound { largest, of } => {
                *of = Some(of.map_or(nanos, |of| bound(*largest, of, nanos, Ord::cmp)));
            }
            #[expect(clippy::cast_precision_loss, reason = "means and percentiles are doubles")]
            _ => return self.add_number(nanos as f64),
        }
        0
    }

    /// Adds a span's number; one that is not finite is no value. Returns by how many bytes the summary grew.
    pub fn add_number(&mut self, number: f64) -> usize {
        if !number.is_finite() {
            return 0;
        }
        match self {
            Self::Bound { largest, of } => {
                *of = Some(of.map_or(number, |of| bound(*largest, of, number, f64::total_cmp)));
            }
            Self::Moments { count, sum, squares } => {
                *count += 1;
                sum.add(number);
                if let Some(squares) = squares {
                    squares.add_square(number);
                }
            }
            Self::Percentile(percentile) => {
                percentile.add(number);
                return size_of::<f64>();
            }
            // The last ones are of spans that stand for others.
            Self::Count(_)
            | Self::Nanos(_)
            | Self::NanosBound { .. }
            | Self::Distinct(_)
            | Self::Standing(_)
            | Self::StandingNanos(_)
            | Self::StandingNumbers(_)
            | Self::StandingPercentile(_) => {}
        }
        0
    }

    /// Adds a span's text. Returns by how many bytes the summary grew.
    pub fn add_text(&mut self, text: &str) -> usize {
        match self {
            Self::Distinct(seen) if !seen.contains(text) => {
                seen.insert(text.into());
                text.len() + ENTRY
            }
            _ => 0,
        }
    }

    /// Adds all that went into another summary of the same aggregate.
    pub fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Count(count), Self::Count(more)) => *count += more,
            (Self::Nanos(sum), Self::Nanos(Some(more))) => *sum = Some(sum.unwrap_or(0) + more),
            (own @ Self::NanosBound { .. }, Self::NanosBound { of: Some(nanos), .. }) => {
                own.add_nanos(*nanos);
            }
            (own @ Self::Bound { .. }, Self::Bound { of: Some(number), .. }) => {
                own.add_number(*number);
            }
            (
                Self::Moments { count, sum, squares },
                Self::Moments { count: more, sum: other, squares: others },
            ) => {
                *count += more;
                sum.merge(other);
                if let (Some(squares), Some(others)) = (squares, others) {
                    squares.merge(others);
                }
            }
            (Self::Percentile(percentile), Self::Percentile(other)) => percentile.merge(other),
            (Self::Distinct(seen), Self::Distinct(others)) => {
                for text in others {
                    if !seen.contains(text) {
                        seen.insert(text.clone());
                    }
                }
            }
            (Self::Standing(count), Self::Standing(more)) => *count += *more,
            (Self::StandingNanos(sum), Self::StandingNanos(Some(more))) => {
                sum.get_or_insert_default().merge(more);
            }
            (Self::StandingNumbers(numbers), Self::StandingNumbers(others)) => numbers.merge(others),
            (Self::StandingPercentile(percentile), Self::StandingPercentile(other)) => {
                percentile.merge(other);
            }
            // Nothing in the other, or two aggregates, which nobody merges.
            _ => {}
        }
    }

    /// The value of the aggregate over a window of this duration. Puts the values of a percentile in order.
    pub fn value(&mut self, function: &AggregateFunction, window: Nanos) -> Value {
        let or_none = |value: Option<f64>| value.map_or(Value::None, finite);
        let percentile = |value: Option<f64>| match value {
            #[expect(clippy::cast_possible_truncation, reason = "a double of nanoseconds is within 64 bits")]
            Some(nanos) if function.is_of_durations() => Value::Duration((nanos as i64).into()),
            value => or_none(value),
        };
        #[expect(clippy::cast_precision_loss, reason = "a rate is a double")]
        match (self, function) {
            (Self::Standing(count), AggregateFunction::Rate { per }) => {
                finite(count.to_f64() * per.0 as f64 / window.0 as f64)
            }
            (Self::Standing(count), _) => finite(count.to_f64()),
            (Self::StandingNanos(sum), _) => {
                sum.as_ref().map_or(Value::None, |sum| whole_nanos(sum.to_f64()))
            }
            (Self::StandingNumbers(numbers), AggregateFunction::Avg(_)) => or_none(numbers.mean()),
            (Self::StandingNumbers(numbers), AggregateFunction::Stddev(_)) => or_none(numbers.stddev()),
            (Self::StandingNumbers(numbers), _) => or_none(numbers.sum()),
            (Self::StandingPercentile(of), AggregateFunction::Percentile { p, .. }) => {
                percentile(of.value(*p))
            }
            (Self::Count(count), AggregateFunction::Rate { per }) => {
                finite(*count as f64 * per.0 as f64 / window.0 as f64)
            }
            (Self::Count(count), _) => Value::Int((*count).into()),
            (Self::Distinct(seen), _) => Value::Int(seen.len() as i128),
            (Self::Nanos(sum), _) => sum.map_or(Value::None, Value::Duration),
            (Self::NanosBound { of, .. }, _) => of.map_or(Value::None, |nanos| Value::Duration(nanos.into())),
            (Self::Bound { of, .. }, _) => of.map_or(Value::None, finite),
            (Self::Moments { count: 0, .. }, _) => Value::None,
            (Self::Moments { count, sum, .. }, AggregateFunction::Avg(_)) => finite(sum.mean(*count)),
            (Self::Moments { count, sum, squares: Some(squares) }, _) => finite(sum.stddev(squares, *count)),
            (Self::Moments { sum, .. }, _) => finite(sum.to_f64()),
            (Self::Percentile(of), AggregateFunction::Percentile { p, .. }) => percentile(of.value(*p)),
            (Self::Percentile(_) | Self::StandingPercentile(_), _) => Value::None,
        }
    }
}

/// About what an entry of a set takes besides its text, in bytes.
const ENTRY: usize = 48;

/// The larger of two, or the smaller.
fn bound<T>(largest: bool, one: T, other: T, order: impl Fn(&T, &T) -> Ordering) -> T {
    let wanted = if largest { Ordering::Greater } else { Ordering::Less };
    if order(&other, &one) == wanted { other } else { one }
}

/// The nearest whole number of nanoseconds.
#[expect(clippy::cast_possible_truncation, reason = "saturates far beyond what durations sum up to")]
fn whole_nanos(nanos: f64) -> Value {
    Value::Duration(nanos.round() as i128)
}

fn finite(number: f64) -> Value {
    if number.is_finite() { Value::Float(number) } else { Value::None }
}
