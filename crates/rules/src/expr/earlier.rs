//! Functions over the windows that came before the present one: `previous(count)`, `zscore(errors, 1h)`, `is_new()`.
//!
//! A call is a value of the window like an aggregate, known by its text. Whoever judges a window works it out; to
//! everybody else it is a name with a number.

use std::fmt::{self, Display, Formatter};

use super::tree::{EarlierCall, EarlierFunction, Expr, ExprKind, Total};
use crate::objective::Objective;

/// A function over earlier windows, by the name that it is called by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EarlierName {
    Previous,
    Over(Total),
    Offset,
    ZScore,
    PredictLinear,
    IsNew,
    Absent,
}

/// Name, meaning, fewest and most arguments, and how it is written.
const NAMES: [(&str, EarlierName, usize, usize, &str); 12] = [
    ("previous", EarlierName::Previous, 1, 2, "previous(count)` or `previous(count, 3)"),
    ("avg_over", EarlierName::Over(Total::Avg), 2, 2, "avg_over(count, 1h)"),
    ("min_over", EarlierName::Over(Total::Min), 2, 2, "min_over(count, 1h)"),
    ("max_over", EarlierName::Over(Total::Max), 2, 2, "max_over(count, 1h)"),
    ("sum_over", EarlierName::Over(Total::Sum), 2, 2, "sum_over(count, 1h)"),
    ("stddev_over", EarlierName::Over(Total::Stddev), 2, 2, "stddev_over(count, 1h)"),
    ("median_over", EarlierName::Over(Total::Median), 2, 2, "median_over(count, 1h)"),
    ("offset", EarlierName::Offset, 2, 2, "offset(count, 1d)"),
    ("zscore", EarlierName::ZScore, 2, 2, "zscore(count, 1h)"),
    ("predict_linear", EarlierName::PredictLinear, 3, 3, "predict_linear(count, 30m, 1h)"),
    ("is_new", EarlierName::IsNew, 0, 0, "is_new()"),
    ("absent", EarlierName::Absent, 1, 1, "absent(10m)"),
];

impl EarlierName {
    /// All names, as they are written.
    pub(super) fn all() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, ..)| *name)
    }

    /// The function called `name` with its fewest and most arguments, and how it is written.
    pub(super) fn of(name: &str) -> Option<(Self, usize, usize, &'static str)> {
        let (_, meaning, fewest, most, written) = NAMES.iter().find(|(known, ..)| *known == name)?;
        Some((*meaning, *fewest, *most, written))
    }
}

impl EarlierCall {
    /// A call, under its own text.
    pub fn new(function: EarlierFunction) -> Self {
        Self { name: function.to_string(), function }
    }

    /// Returns whether it is true or false, and not a number.
    pub fn is_boolean(&self) -> bool {
        matches!(self.function, EarlierFunction::IsNew | EarlierFunction::Absent { .. })
    }

    /// The value that it is about; none of a function of the group alone.
    pub fn of(&self) -> Option<&Expr> {
        match &self.function {
            EarlierFunction::Previous { of, .. }
            | EarlierFunction::Over { of, .. }
            | EarlierFunction::Offset { of, .. }
            | EarlierFunction::ZScore { of, .. }
            | EarlierFunction::PredictLinear { of, .. } => Some(of),
            EarlierFunction::IsNew | EarlierFunction::Absent { .. } | EarlierFunction::Burn { .. } => None,
        }
    }

    /// The objective that it is a value of.
    pub fn objective(&self) -> Option<&Objective> {
        match &self.function {
            EarlierFunction::Burn { objective, .. } => Some(objective),
            _ => None,
        }
    }

    /// Returns whether it is a number of spans, as which it keeps an objective's rule quiet where there are few.
    pub fn counts(&self) -> bool {
        matches!(self.function, EarlierFunction::Burn { value, .. } if value.counts())
    }

    /// Returns whether it rises and falls with the present window, too.
    pub fn is_of_present(&self) -> bool {
        matches!(self.function, EarlierFunction::ZScore { .. } | EarlierFunction::PredictLinear { .. })
    }
}

impl EarlierFunction {
    /// The fewest windows with a value of which a mean, a deviation and the like are made.
    pub const FEWEST_WINDOWS: i64 = 3;

    /// The fewest windows with a value through which a line is drawn.
    pub const FEWEST_POINTS: i64 = 2;

    /// The most earlier windows that one call looks at.
    pub const MOST_WINDOWS: i64 = 50_000;
}

impl Total {
    /// As written in expressions.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Avg => "avg_over",
            Self::Min => "min_over",
            Self::Max => "max_over",
            Self::Sum => "sum_over",
            Self::Stddev => "stddev_over",
            Self::Median => "median_over",
        }
    }
}

impl Display for EarlierFunction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Previous { of, windows: 1 } => write!(f, "previous({of})"),
            Self::Previous { of, windows } => write!(f, "previous({of}, {windows})"),
            Self::Over { total, of, past } => write!(f, "{}({of}, {past})", total.as_str()),
            Self::Offset { of, by } => write!(f, "offset({of}, {by})"),
            Self::ZScore { of, past } => write!(f, "zscore({of}, {past})"),
            Self::PredictLinear { of, past, ahead } => write!(f, "predict_linear({of}, {past}, {ahead})"),
            Self::IsNew => f.write_str("is_new()"),
            Self::Absent { past } => write!(f, "absent({past})"),
            Self::Burn { value, .. } => write!(f, "{value}"),
        }
    }
}

impl Expr {
    /// The calls of functions over earlier windows in it, each once, in the order of the text.
    pub fn earlier(&self) -> Vec<&EarlierCall> {
        let mut calls = Vec::new();
        self.collect_earlier(&mut calls);
        calls
    }

    /// The first call of such a function, in the order of the text.
    pub fn first_earlier(&self) -> Option<&Self> {
        match &self.kind {
            ExprKind::Earlier(_) => Some(self),
            _ => self.children().into_iter().find_map(Self::first_earlier),
        }
    }

    fn collect_earlier<'a>(&'a self, calls: &mut Vec<&'a EarlierCall>) {
        if let ExprKind::Earlier(call) = &self.kind
            && !calls.contains(&&**call)
        {
            calls.push(call);
        }
        for child in self.children() {
            child.collect_earlier(calls);
        }
    }
}
