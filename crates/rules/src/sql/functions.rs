//! The functions that queries may call.
//!
//! Each of them reads nothing but its arguments, gives the same for the same, and takes time and memory that grow no
//! faster than what it is given. What is not in this list does not exist: neither what reads clocks, dice, settings or
//! files, nor what makes much of little (`repeat`, `array_agg`, `generate_series`).

/// A function of queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// As `DataFusion` calls it, in lower case.
    pub name: &'static str,
    /// The rows that it is called on.
    pub class: Class,
    pub(super) result: Gives,
}

/// The rows that a function is called on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Values of one row.
    Scalar,
    /// The rows of a group.
    Aggregate,
    /// The rows of a group, or with `OVER` those around a row, of which it looks at each a few times only.
    Rolling,
    /// The rows around a row: with `OVER`.
    Window,
}

/// The type of a function's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gives {
    Text,
    Whole,
    Number,
    Duration,
    Bool,
    /// That of the first argument.
    First,
    /// That of all arguments.
    All,
    /// That of the first argument, and of whole numbers any number.
    Mean,
    /// The second and third argument's, of `nvl2`.
    Later,
    /// Text, of all arguments one after the other.
    Joined,
    /// Text, in which what a pattern matches is replaced.
    Replaced,
}

const fn function(name: &'static str, class: Class, result: Gives) -> Function {
    Function { name, class, result }
}

/// The function of that name.
pub fn function_called(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

use Class::{Aggregate, Rolling, Scalar, Window};
use Gives::{All, Bool, Duration, First, Joined, Later, Mean, Number, Replaced, Text, Whole};

/// All of them.
pub const FUNCTIONS: &[Function] = &[
    // What is there, or else something else.
    function("coalesce", Scalar, All),
    function("greatest", Scalar, All),
    function("least", Scalar, All),
    function("nullif", Scalar, First),
    function("nvl", Scalar, All),
    function("nvl2", Scalar, Later),
    // Numbers.
    function("abs", Scalar, First),
    function("cbrt", Scalar, Number),
    function("ceil", Scalar, Number),
    function("exp", Scalar, Number),
    function("floor", Scalar, Number),
    function("isnan", Scalar, Bool),
    function("iszero", Scalar, Bool),
    function("ln", Scalar, Number),
    function("log", Scalar, Number),
    function("log10", Scalar, Number),
    function("log2", Scalar, Number),
    function("nanoseconds", Scalar, Duration),
    function("nanvl", Scalar, Number),
    function("pow", Scalar, Number),
    function("power", Scalar, Number),
    function("round", Scalar, Number),
    function("signum", Scalar, Number),
    function("sqrt", Scalar, Number),
    function("trunc", Scalar, Number),
    // Texts.
    function("ascii", Scalar, Whole),
    function("bit_length", Scalar, Whole),
    function("btrim", Scalar, Text),
    function("char_length", Scalar, Whole),
    function("character_length", Scalar, Whole),
    function("concat", Scalar, Joined),
    function("concat_ws", Scalar, Joined),
    function("contains", Scalar, Bool),
    function("ends_with", Scalar, Bool),
    function("initcap", Scalar, Text),
    function("left", Scalar, Text),
    function("length", Scalar, Whole),
    function("lower", Scalar, Text),
    function("ltrim", Scalar, Text),
    function("octet_length", Scalar, Whole),
    function("position", Scalar, Whole),
    function("regexp_count", Scalar, Whole),
    function("regexp_like", Scalar, Bool),
    function("regexp_replace", Scalar, Replaced),
    function("reverse", Scalar, Text),
    function("right", Scalar, Text),
    function("rtrim", Scalar, Text),
    function("split_part", Scalar, Text),
    function("starts_with", Scalar, Bool),
    function("strpos", Scalar, Whole),
    function("substr", Scalar, Text),
    function("substring", Scalar, Text),
    function("trim", Scalar, Text),
    function("upper", Scalar, Text),
    // Groups of rows.
    function("approx_distinct", Aggregate, Whole),
    function("approx_median", Aggregate, First),
    function("approx_percentile_cont", Aggregate, Number),
    function("avg", Rolling, Mean),
    function("bool_and", Rolling, Bool),
    function("bool_or", Rolling, Bool),
    function("corr", Aggregate, Number),
    function("count", Rolling, Whole),
    function("covar_pop", Aggregate, Number),
    function("covar_samp", Aggregate, Number),
    function("first_value", Rolling, First),
    function("last_value", Rolling, First),
    function("max", Rolling, First),
    function("median", Aggregate, First),
    function("min", Rolling, First),
    function("nth_value", Rolling, First),
    function("percentile_cont", Aggregate, Number),
    function("regr_intercept", Aggregate, Number),
    function("regr_r2", Aggregate, Number),
    function("regr_slope", Aggregate, Number),
    function("stddev", Rolling, Number),
    function("stddev_pop", Rolling, Number),
    function("stddev_samp", Rolling, Number),
    function("sum", Rolling, First),
    function("var_pop", Rolling, Number),
    function("var_samp", Rolling, Number),
    // Rows around a row.
    function("cume_dist", Window, Number),
    function("dense_rank", Window, Whole),
    function("lag", Window, First),
    function("lead", Window, First),
    function("ntile", Window, Whole),
    function("percent_rank", Window, Number),
    function("rank", Window, Whole),
    function("row_number", Window, Whole),
];
