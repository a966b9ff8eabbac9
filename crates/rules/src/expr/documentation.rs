//! The parts of expressions, with a line about each: for editors.

/// A key, function, operator or field, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Documented {
    /// As it is written.
    pub name: &'static str,
    /// An example of a call, or of a use.
    pub written: Option<&'static str>,
    /// One or two sentences, with the unit.
    pub doc: &'static str,
    /// The value where it is left out.
    pub default: Option<&'static str>,
}

impl Documented {
    const fn new(name: &'static str, written: &'static str, doc: &'static str) -> Self {
        Self { name, written: Some(written), doc, default: None }
    }
}

/// Functions over values: of a span, or of a window.
pub const FUNCTIONS: &[Documented] = &[
    Documented::new("gt", "gt(count, 5)", "Greater: `count > 5`."),
    Documented::new("gte", "gte(count, 5)", "Greater or equal: `count >= 5`."),
    Documented::new("lt", "lt(count, 5)", "Less: `count < 5`."),
    Documented::new("lte", "lte(count, 5)", "Less or equal: `count <= 5`."),
    Documented::new("eq", "eq(count, 5)", "Equal: `count = 5`."),
    Documented::new("neq", "neq(count, 5)", "Not equal: `count != 5`."),
    Documented::new("and", "and(a > 1, b > 1)", "All hold: `a > 1 and b > 1`."),
    Documented::new("or", "or(a > 1, b > 1)", "One of them holds: `a > 1 or b > 1`."),
    Documented::new("between", "between(x, low, high)", "`x >= low and x <= high`."),
    Documented::new("abs", "abs(a - b)", "The number without its sign."),
    Documented::new("floor", "floor(x)", "The largest whole number that is not greater."),
    Documented::new("ceil", "ceil(x)", "The smallest whole number that is not less."),
    Documented::new("round", "round(x)", "The nearest whole number."),
    Documented::new("min", "min(a, b)", "The smallest of its arguments."),
    Documented::new("max", "max(a, b)", "The largest of its arguments."),
    Documented::new("coalesce", "coalesce(span.a, span.b)", "The first of its arguments that has a value."),
    Documented::new("lower", "lower(name)", "The text in lower case."),
    Documented::new("upper", "upper(name)", "The text in upper case."),
    Documented::new("contains", "contains(name, \"pay\")", "True if the text contains the other."),
    Documented::new("starts_with", "starts_with(name, \"GET \")", "True if the text starts with the other."),
    Documented::new("ends_with", "ends_with(name, \"/pay\")", "True if the text ends with the other."),
    Documented::new("length", "length(name)", "The number of characters of the text."),
];

/// Functions over the windows before the present one, in `condition`.
pub const EARLIER: &[Documented] = &[
    Documented::new(
        "previous",
        "previous(count, 3)",
        "The value so many windows ago; one, where it is not said.",
    ),
    Documented::new(
        "avg_over",
        "avg_over(count, 1h)",
        "The mean over the windows of so long a time before this one.",
    ),
    Documented::new(
        "min_over",
        "min_over(count, 1h)",
        "The smallest value over the windows of so long a time before this one.",
    ),
    Documented::new(
        "max_over",
        "max_over(count, 1h)",
        "The largest value over the windows of so long a time before this one.",
    ),
    Documented::new(
        "sum_over",
        "sum_over(count, 1h)",
        "The sum over the windows of so long a time before this one.",
    ),
    Documented::new(
        "stddev_over",
        "stddev_over(count, 1h)",
        "The standard deviation over the windows of so long a time before this one.",
    ),
    Documented::new(
        "median_over",
        "median_over(count, 1h)",
        "The median over the windows of so long a time before this one.",
    ),
    Documented::new("offset", "offset(count, 1d)", "The value of the window so long ago."),
    Documented::new(
        "zscore",
        "zscore(count, 1h)",
        "The standard deviations by which the value lies above the mean of so long a time before.",
    ),
    Documented::new(
        "predict_linear",
        "predict_linear(count, 30m, 1h)",
        "The value so far ahead, by a straight line through so long a time.",
    ),
    Documented::new("is_new", "is_new()", "True if the group was not seen within `lookback`."),
    Documented::new(
        "absent",
        "absent(10m)",
        "True if the group, which was seen within `lookback`, has had no span for so long.",
    ),
];

/// Operators, and the words that stand between values.
pub const OPERATORS: &[Documented] = &[
    Documented::new("and", "a > 1 and b > 1", "Both hold."),
    Documented::new("or", "a > 1 or b > 1", "One of both holds."),
    Documented::new("not", "not a > 1", "It does not hold."),
    Documented::new("in", "name in [\"a\", \"b\"]", "Equals one of these."),
    Documented::new("=~", "name =~ \"^GET \"", "The regular expression is found in the text."),
    Documented::new("!~", "name !~ \"^GET \"", "The regular expression is not found in the text."),
    Documented::new("=", "status = error", "Equals."),
    Documented::new("!=", "status != error", "Has a value, and it differs."),
    Documented::new(">", "duration > 500ms", "Greater, as numbers or durations."),
    Documented::new(">=", "duration >= 500ms", "Greater or equal, as numbers or durations."),
    Documented::new("<", "duration < 500ms", "Less, as numbers or durations."),
    Documented::new("<=", "duration <= 500ms", "Less or equal, as numbers or durations."),
];

/// The fields of a span that stand without a scope.
pub const FIELDS: &[Documented] = &[
    Documented::new("name", "name = \"GET /\"", "The span's name."),
    Documented::new("kind", "kind = server", "unspecified, internal, server, client, producer or consumer."),
    Documented::new("status", "status = error", "unset, ok or error."),
    Documented::new("status_message", "status_message =~ \"token\"", "The status's message."),
    Documented::new("duration", "duration > 500ms", "End - start, a duration."),
    Documented::new(
        "self_time",
        "self_time > 500ms",
        "The span's own time, without that of its children; a duration.",
    ),
    Documented::new("trace_id", "trace_id = \"…\"", "The trace's id, in hexadecimal digits."),
    Documented::new("span_id", "span_id = \"…\"", "The span's id, in hexadecimal digits."),
    Documented::new("service_name", "service_name = \"checkout\"", "The resource attribute service.name."),
    Documented::new("root", "root = true", "True if the span has no parent."),
];

/// The words before the key of an attribute, or before a field of the parent.
pub const SCOPES: &[Documented] = &[
    Documented::new("span.", "span.http.route", "An attribute of the span."),
    Documented::new("resource.", "resource.k8s.pod.name", "An attribute of the resource."),
    Documented::new("scope.", "scope.name", "An attribute of the instrumentation scope."),
    Documented::new("event.", "event.exception.type", "An attribute of one of the span's events."),
    Documented::new("link.", "link.kind", "An attribute of one of the span's links."),
    Documented::new("parent.", "parent.service_name", "A field of the span's parent."),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::earlier::EarlierName;
    use crate::expr::{functions, names};

    fn sorted(mut names: Vec<String>) -> Vec<String> {
        names.sort();
        names
    }

    fn written(documented: &[Documented]) -> Vec<String> {
        documented.iter().map(|it| it.name.trim_end_matches('.').to_owned()).collect()
    }

    fn owned(names: Vec<&str>) -> Vec<String> {
        names.into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn everything_that_the_parser_knows_is_documented_and_nothing_else() {
        let called = functions::FUNCTIONS.iter().map(|(name, ..)| *name).chain(EarlierName::all());
        assert_eq!(sorted([written(FUNCTIONS), written(EARLIER)].concat()), sorted(owned(called.collect())));
        let fields = names::INTRINSICS.iter().map(|field| field.as_str());
        assert_eq!(sorted(written(FIELDS)), sorted(owned(fields.collect())));
        let scopes: Vec<&str> = names::SCOPES.iter().map(|(name, _)| *name).chain(["parent"]).collect();
        assert_eq!(sorted(written(SCOPES)), sorted(owned(scopes)));
    }

    #[test]
    fn examples_parse() {
        use crate::expr::{Context, parse};
        for example in FIELDS.iter().chain(SCOPES).filter_map(|it| it.written) {
            let is_whole = example.contains('=') || example.contains('>');
            let text = if is_whole { example.to_owned() } else { format!("{example} = \"x\"") };
            assert!(parse(&text, Context::Where).is_ok(), "{text}: {:?}", parse(&text, Context::Where));
        }
    }
}
