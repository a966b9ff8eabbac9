//! Tests which texts are refused, where the finding points, and what it says.

use super::super::{Problem, parse_spanset};
use super::{Context, aggregates, parse};
use crate::diagnostic::Code;

/// Scenario, text, code, what is underlined, a part of the message, a part of the hint (empty: no matter).
type Case = (&'static str, &'static str, Code, &'static str, &'static str, &'static str);

fn only(text: &str, context: Context<'_>) -> Problem {
    let problems = parse(text, context).expect_err(text);
    let [problem] = problems.as_slice() else { panic!("{text}: {problems:#?}") };
    problem.clone()
}

fn hold(cases: &[Case], context: Context<'_>) {
    for (scenario, text, code, underlined, message, hint) in cases {
        let problem = only(text, context);
        let seen = format!("{scenario}: {text}: {problem:?}");
        assert_eq!(problem.code, *code, "{seen}");
        assert_eq!(&text[problem.at.clone()], *underlined, "{seen}");
        assert!(problem.message.contains(message), "{seen}");
        assert!(problem.hint.as_deref().unwrap_or_default().contains(hint), "{seen}");
    }
}

#[test]
fn syntax() {
    let e = Code::ExprSyntax;
    hold(
        &[
            ("nothing", "", e, "", "empty", ""),
            ("white space", " \n", e, "", "empty", ""),
            ("no operand", "count >", e, "", "expected a value, found the end", ""),
            ("no operator", "count 5", e, "5", "expected an operator, found `5`", ""),
            ("two operators", "count > * 5", e, "*", "expected a value, found `*`", ""),
            ("unclosed", "(count > 5", e, "(", "`(` is not closed", "lacks a `)`"),
            ("unclosed call", "gt(count, 5", e, "(", "`(` is not closed", ""),
            ("never opened", "count > 5)", e, ")", "`)` was never opened", ""),
            ("a chain", "1 < count < 5", e, "<", "do not chain", "a < b and b < c"),
            ("a chain of lists", "count in [1] = true", e, "=", "do not chain", ""),
            (
                "upper-case words",
                "count > 5 AND count < 9",
                e,
                "AND",
                "expected an operator",
                "lower case: `and`",
            ),
            ("one ampersand", "count > 5 & count < 9", e, "&", "unexpected `&`", "`&&`"),
            ("one bar", "count > 5 | count < 9", e, "|", "unexpected `|`", "`||`"),
            ("remainder", "count % 2 = 0", e, "%", "unexpected `%`", "5%"),
            ("arrow", "count => 5", e, ">", "expected a value", "`>=`"),
            ("not equal in SQL", "count <> 5", e, ">", "expected a value", "`!=`"),
            ("not in", "count not in [1]", e, "not", "expected an operator", "not (x in"),
            ("not as an operand", "count = not count", e, "not", "cannot be an operand", "parentheses"),
            ("infix between", "count between 1 and 2", e, "between", "expected an operator", "between(…)"),
            ("in without a list", "count in 5", e, "5", "expected a list", "in [a, b]"),
            ("an empty list", "count in []", e, "count in []", "empty list", ""),
            ("a trailing comma", "gt(count, 5,)", e, ")", "expected a value", ""),
            ("a bad number", "count > 1.2.3", e, "1.2.3", "not a number", ""),
            ("a bad unit", "p99 > 5sec", e, "5sec", "neither a number nor a duration", "did you mean `5s`?"),
            ("a number out of range", "count > 1e999", e, "1e999", "too large", ""),
            ("typographic quotes", "contains(“a”)", e, "“a”", "unexpected `“`", "quote texts"),
        ],
        Context::Condition { aggregates: &aggregates() },
    );
}

#[test]
fn texts_and_characters() {
    let e = Code::ExprSyntax;
    hold(
        &[
            ("an unclosed text", "name = 'abc", e, "'abc", "not closed", "lacks a '"),
            ("an unknown escape", r#"name =~ "\d+""#, e, r"\d", "is not an escape", r"`\\d`"),
            ("an escape without its end", r#"name = "\u{12""#, e, r"\u{12", "is not an escape", ""),
            ("a surrogate", r#"name = "\u{d800}""#, e, r"\u{d800}", "is not an escape", ""),
            ("an escaped line break", "name = 'a\\\n'", e, "\\\n", r"`\\n` is not an escape", ""),
            ("a control character", "name = 'a' \u{7} ", e, "\u{7}", "U+0007", ""),
            ("a quote inside a text", "name = 'it's it'", e, "'", "", ""),
            ("a key without quotes", "span[x] = 1", e, "x", "expected a key in quotes", ""),
            ("a scope without a key", "span. = 1", e, "span.", "key is missing", ""),
        ],
        Context::Where,
    );
}

#[test]
fn several_unreadable_characters_are_all_told() {
    let problems = parse("count @ 5 # 6", Context::Where).expect_err("unreadable");
    assert_eq!(problems.iter().map(|problem| problem.at.clone()).collect::<Vec<_>>(), [6..7, 10..11]);
}

#[test]
fn names_of_spans() {
    let n = Code::UnknownName;
    hold(
        &[
            (
                "an attribute without its scope",
                "http.status_code = 401",
                n,
                "http.status_code",
                "unknown name",
                "`span.http.status_code`",
            ),
            ("a misspelt intrinsic", "statuss = error", n, "statuss", "unknown name", "`status`"),
            ("a word that may be a text", "name = checkout", n, "checkout", "unknown name", "\"checkout\""),
            ("a status alone", "error", n, "error", "unknown name", "`status = error`"),
            ("no such status", "status = failed", n, "failed", "not a status", "unset, ok, error"),
            ("a status in upper case", "status = ERROR", n, "ERROR", "not a status", "`error`"),
            ("no such kind in quotes", "kind = \"servr\"", n, "\"servr\"", "not a kind", "`server`"),
            ("no such kind in a list", "kind in [server, klient]", n, "klient", "not a kind", "`client`"),
            ("an aggregate", "count > 5", n, "count", "unknown name", "in `condition`"),
            ("nil", ".a != nil", n, "nil", "unknown name", "exists"),
            ("brackets behind something else", "foo[\"x\"] = 1", n, "foo[\"x\"]", "has no keys", "`any`"),
        ],
        Context::Where,
    );
}

#[test]
fn names_of_windows() {
    let n = Code::UnknownName;
    hold(
        &[
            ("a misspelt aggregate", "erors > 5", n, "erors", "unknown aggregate", "`errors`"),
            (
                "an unknown aggregate",
                "latency_of_it > 5",
                n,
                "latency_of_it",
                "unknown aggregate",
                "`errors`, `total`",
            ),
            ("an intrinsic", "duration > 1s", n, "duration", "field of one span", "p99: duration"),
            (
                "an attribute",
                "span.amount > 5",
                n,
                "span.amount",
                "field of one span",
                "count_distinct: span.amount",
            ),
            (
                "a key in brackets",
                "span[\"a b\"] > 5",
                n,
                "span[\"a b\"]",
                "one span's fields",
                "declare an aggregate",
            ),
            ("an enum word", "count = error", n, "error", "unknown aggregate", ""),
        ],
        Context::Condition { aggregates: &aggregates() },
    );
}

#[test]
fn types_and_units_of_spans() {
    let (t, u) = (Code::TypeMismatch, Code::UnitMismatch);
    hold(
        &[
            ("a duration and a number", "duration > 500", u, "500", "cannot be compared", "`500ms`"),
            (
                "a duration and an attribute",
                ".latency > 5s",
                u,
                "5s",
                "an attribute cannot be compared",
                "has no unit",
            ),
            (
                "a duration and a quoted duration",
                "duration > '500ms'",
                t,
                "'500ms'",
                "a duration is compared with a text",
                "without quotes: `500ms`",
            ),
            ("an attribute and a word", ".code > \"high\"", t, "\"high\"", "no order", "not a number"),
            ("order of texts", "name > \"x\"", t, "\"x\"", "no order", "compare numbers"),
            ("order of truth", "root > false", t, "false", "no order", ""),
            ("order of a status", "status > ok", t, "ok", "no order", ""),
            ("a text and a number", "name = 5", t, "5", "a text is compared with a plain number", "\"5\""),
            ("a text and a number in a list", "name in ['a', 5]", t, "5", "a text is compared", "\"5\""),
            ("a kind and a field", "kind = name", t, "kind = name", "a kind is compared with a text", ""),
            (
                "truth in quotes",
                "root = 'true'",
                t,
                "'true'",
                "true or false is compared with a text",
                "without quotes",
            ),
            (
                "an attribute alone",
                ".cached and root",
                t,
                ".cached",
                "where a comparison is needed",
                "`.cached == true`",
            ),
            ("a number alone", "not 5", t, "5", "where a comparison is needed", ""),
            (
                "an attribute and a comparison",
                ".a = (root = true)",
                t,
                ".a = (root = true)",
                "an attribute is compared with",
                "",
            ),
            ("a text in arithmetic", "name + 1 > 2", t, "name", "where a number is needed", ""),
            ("a number to search in", "duration =~ \"x\"", t, "duration", "no text to search in", ""),
            ("a pattern without quotes", "name =~ x", t, "x", "text in quotes", "=~"),
            (
                "a field in a list",
                "name in [service_name]",
                t,
                "service_name",
                "constants only",
                "\"service_name\"",
            ),
            ("a number given as a text", "contains(name, 5)", t, "5", "not a text", "\"5\""),
            (
                "texts and numbers to choose from",
                "coalesce(name, 5) = 'x'",
                t,
                "5",
                "a text and a plain number",
                "",
            ),
            ("comparisons to choose from", "coalesce(root, root)", t, "root", "always has a value", ""),
            (
                "a duration rounded",
                "round(duration) > 1s",
                u,
                "duration",
                "in which unit",
                "round(duration / 1ms)",
            ),
            (
                "a duration and a number to choose from",
                "max(duration, 5) > 1s",
                u,
                "5",
                "a duration and a plain number",
                "one type",
            ),
        ],
        Context::Where,
    );
}

#[test]
fn types_and_units_of_windows() {
    let (t, u) = (Code::TypeMismatch, Code::UnitMismatch);
    hold(
        &[
            (
                "a duration and a number",
                "p99 > 500",
                u,
                "500",
                "cannot be compared",
                "`500s` for seconds, `500ms`",
            ),
            (
                "a count and a duration",
                "count > 5m",
                u,
                "5m",
                "cannot be compared",
                "`count` is a plain number",
            ),
            ("two aggregates", "p99 > count", u, "p99 > count", "cannot be compared", "`p99 / 1s`"),
            ("an average of an attribute", "amount > 5s", u, "5s", "cannot be compared", "plain number"),
            ("a sum", "p99 + 1 > 5s", u, "p99 + 1", "cannot be added", "`1ms`"),
            ("a square", "p99 * slowest > 5s", u, "p99 * slowest", "multiplied", ""),
            ("a frequency", "count / 1s > 5", u, "count / 1s", "divided", "rate"),
            ("between with a bound of another unit", "between(p99, 1s, 5)", u, "5", "cannot be compared", ""),
            ("no comparison", "count", t, "count", "where a comparison is needed", "`count > 0`"),
            ("a ratio alone", "errors / total", t, "errors / total", "a plain number stands", ""),
            ("a text", "count > 'many'", t, "'many'", "a plain number is compared with a text", ""),
            ("no aggregate", "1 < 2", Code::NoAggregate, "1 < 2", "depends on no aggregate", "`count > 5`"),
            ("a constant", "true", Code::NoAggregate, "true", "depends on no aggregate", ""),
        ],
        Context::Condition { aggregates: &aggregates() },
    );
}

#[test]
fn functions_and_patterns() {
    let (f, a, p) = (Code::UnknownFunction, Code::WrongArguments, Code::BadPattern);
    hold(
        &[
            ("a misspelt function", "contians(name, 'x')", f, "contians", "unknown function", "`contains`"),
            ("the other name of a comparison", "ge(.a, 5)", f, "ge", "unknown function", "`gte`"),
            ("a function of windows", "previous(.a) > 5", f, "previous", "in `condition` only", ""),
            ("too few arguments", "gt(.a)", a, "gt(.a)", "takes 2 arguments, not 1", ""),
            (
                "too many arguments",
                "lower(name, 'x') = 'y'",
                a,
                "lower(name, 'x')",
                "takes one argument, not 2",
                "",
            ),
            ("no arguments", "and()", a, "and()", "at least 2 arguments, not 0", ""),
            ("between with two", "between(.a, 5)", a, "between(.a, 5)", "takes 3", "x, low, high"),
            ("a pattern that does not parse", "name =~ \"(\"", p, "\"(\"", "unclosed group", ""),
            (
                "a pattern that becomes too large",
                "name =~ \"(\\\\w{1000}){1000}\"",
                p,
                "\"(\\\\w{1000}){1000}\"",
                "too large",
                "",
            ),
            (
                "a pattern that the engine does not know",
                "name =~ \"(?=a)\"",
                p,
                "\"(?=a)\"",
                "look-around",
                "",
            ),
        ],
        Context::Where,
    );
    hold(
        &[
            (
                "an aggregate as a function",
                "p99(duration) > 5",
                f,
                "p99",
                "unknown function",
                "`aggregation: {x: {p99: duration}}`",
            ),
            (
                "an aggregation",
                "sum(count) > 5",
                f,
                "sum",
                "unknown function",
                "`aggregation: {x: {sum: duration}}`",
            ),
            ("max of one", "max(count) > 5", a, "max(count)", "at least 2", "aggregate"),
        ],
        Context::Condition { aggregates: &aggregates() },
    );
}

#[test]
fn functions_over_earlier_windows() {
    let (a, t, u) = (Code::WrongArguments, Code::TypeMismatch, Code::UnitMismatch);
    hold(
        &[
            (
                "of nothing",
                "previous() > 5",
                a,
                "previous()",
                "takes 1 or 2 arguments, not 0",
                "previous(count)",
            ),
            ("of too much", "avg_over(count) > 5", a, "avg_over(count)", "takes 2", "avg_over(count, 1h)"),
            ("of anything", "is_new(count)", a, "is_new(count)", "takes nothing, not 1", "`is_new()`"),
            ("no window before", "previous(count, 0) > 5", a, "0", "from 1 to", "previous(count, 3)"),
            ("half a window", "previous(count, 1.5) > 5", a, "1.5", "from 1 to", ""),
            ("windows as a time", "previous(count, 1h) > 5", a, "1h", "from 1 to", "offset"),
            ("a time without unit", "avg_over(count, 60) > 5", u, "60", "has no unit", "60s"),
            ("no time", "absent(0s)", a, "0s", "no length of time", "above zero"),
            ("a time that is worked out", "absent(2 * 5m)", a, "2 * 5m", "as it stands", ""),
            ("the other way round", "avg_over(1h, count) > 5", a, "avg_over(1h, count)", "stands before", ""),
            (
                "of a constant",
                "previous(5) > count",
                Code::NoAggregate,
                "5",
                "the same in every window",
                "avg_over(count, 1h)",
            ),
            ("of what is true", "previous(count > 5) > 5", t, "count > 5", "where a number is needed", ""),
            (
                "within each other",
                "avg_over(previous(count), 1h) > 5",
                a,
                "previous(count)",
                "stands in another such function",
                "beside each other",
            ),
            ("of what is not there", "previous(cuont) > 5", Code::UnknownName, "cuont", "unknown", "`count`"),
            ("in another unit", "p99 > 2 * previous(count)", u, "p99 > 2 * previous(count)", "cannot be", ""),
            ("a score has no unit", "zscore(p99, 1h) > 3s", u, "3s", "cannot be compared", ""),
            ("true is no number", "absent(10m) > 5", t, "5", "is compared with", ""),
            (
                "a number is not true",
                "count > 5 and zscore(count, 1h)",
                t,
                "zscore(count, 1h)",
                "comparison",
                "",
            ),
            (
                "misspelt",
                "zscor(count, 1h) > 3",
                Code::UnknownFunction,
                "zscor",
                "unknown function",
                "`zscore`",
            ),
        ],
        Context::Condition { aggregates: &aggregates() },
    );
}

#[test]
fn what_is_not_supported_yet_says_so() {
    let n = Code::NotSupportedYet;
    let message = "not supported yet";
    hold(
        &[
            (
                "traces",
                "trace.has(payment.charge_card).where(amount > 1000) and not trace.has(x)",
                n,
                "trace.has",
                message,
                "",
            ),
            ("counts in traces", "trace.count(http.request) > 3", n, "trace.count", message, ""),
            ("the when-form", "when { a } always { b }", n, "when", message, ""),
        ],
        Context::Condition { aggregates: &aggregates() },
    );
}

#[test]
fn all_mistakes_of_meaning_are_told_at_once_and_in_order() {
    let text = "duration > 5 and statuss = error or nope(name) and name =~ '('";
    let problems = parse(text, Context::Where).expect_err("four mistakes");
    let seen: Vec<_> = problems.iter().map(|problem| (problem.code, &text[problem.at.clone()])).collect();
    assert_eq!(
        seen,
        [
            (Code::UnitMismatch, "5"),
            (Code::UnknownName, "statuss"),
            (Code::UnknownFunction, "nope"),
            (Code::BadPattern, "'('"),
        ]
    );
}

#[test]
fn spansets() {
    for (scenario, text, underlined, hint) in [
        ("no braces", "status = error", "status", "{ resource.service.name"),
        ("unclosed", "{ status = error", "", ""),
        ("a mistake inside", "{ status = error & }", "&", "`and` or `&&`"),
        ("nothing behind an operator", "{ status = }", "}", ""),
        ("empty", "", "", ""),
        ("an open quote", "{ span.\"a = 1 }", "\"a = 1 }", "it lacks a \""),
        ("an open back-quote", "{ name = `a }", "`a }", "it lacks a `"),
        ("no key", "{ span. = 1 }", "span.", "write `span.http.route`"),
        ("a misspelt intrinsic", "{ span:statu = error }", "span:statu", "did you mean `span:status`?"),
        ("no order of nil", "{ span.a > nil }", "nil", "`= nil` and `!= nil`"),
        ("nil of no field", "{ span.a + 1 = nil }", "span.a + 1", ""),
        (
            "related spans",
            "{ status = error } >> { kind = server }",
            ">> { kind = server }",
            "`trace: {when:",
        ),
        ("children", "{ status = error } > { kind = server }", "> { kind = server }", "`trace: {when:"),
        ("siblings", "{ .a } ~ { .b }", "~ { .b }", "`trace: {when:"),
        ("both in a trace", "{ .a } && { .b }", "&& { .b }", "within one pair of braces"),
        ("two filters", "{ .a } { .b }", "{ .b }", "`trace:`"),
        ("counted", "{ .a } | count() > 2", "| count() > 2", "`condition: count > 2`"),
        (
            "averaged",
            "{ .a } | avg(span.size) > 20",
            "| avg(span.size) > 20",
            "`aggregation: {x: {avg: span.size}}`, `condition: x > 20`",
        ),
        (
            "grouped",
            "{ .a } | by(resource.service.name)",
            "| by(resource.service.name)",
            "`group_by: [resource.service.name]`",
        ),
        (
            "a quantile",
            "{ .a } | quantile_over_time(duration, .99)",
            "| quantile_over_time(duration, .99)",
            "{p99: duration}",
        ),
        ("a rate", "{ .a } | rate()", "| rate()", "{rate: 1s}"),
        ("the trace's duration", "{ trace:duration > 2s }", "trace:duration", "`trace:`"),
        ("the trace's root", "{ rootName = \"x\" }", "rootName", "`{ root && name = \"…\" }`"),
        ("nested sets", "{ nestedSetParent < 0 }", "nestedSetParent", "`span:parentID = nil`"),
        ("the parent's id", "{ span:parentID = \"ab\" }", "span:parentID", "`span:parentID = nil`"),
        ("children counted", "{ span:childCount > 3 }", "span:childCount", "`trace:`"),
        ("the parent's parent", "{ parent.parent.a = 1 && .b > 1s }", "parent.parent.a", ""),
    ] {
        let problems = parse_spanset(text).expect_err(scenario);
        assert_eq!(&text[problems[0].at.clone()], underlined, "{scenario}: {problems:?}");
        assert!(problems[0].hint.as_deref().unwrap_or_default().contains(hint), "{scenario}: {problems:?}");
    }
}
