//! Tests the meaning of expressions: text → tree.

use super::super::{Type, parse_field, parse_spanset, type_of};
use super::{aggregates, dump, parse_condition, parse_where};
use crate::field::{Field, Intrinsic, Scope};
use crate::matcher::{Matcher, Test, Value};
use crate::rule::Selector;

#[test]
fn conditions() {
    let cases = [
        ("the origin's rule", "gt(count, 5)", "(> $count Int((5)))"),
        ("its infix form", "count > 5", "(> $count Int((5)))"),
        ("all comparisons", "gte(count, 1)", "(>= $count Int((1)))"),
        ("a constant on the left stays there", "5 < count", "(< Int((5)) $count)"),
        (
            "single and double equals",
            "eq(count, 1) or count = 1 or count == 1",
            "(or (or (= $count Int((1))) (= $count Int((1)))) (= $count Int((1))))",
        ),
        ("ratio and percentage", "errors / total > 5%", "(> (/ $errors $total) Float((0.05)))"),
        (
            "and binds tighter than or",
            "count > 1 or count > 2 and count > 3",
            "(or (> $count Int((1))) (and (> $count Int((2))) (> $count Int((3)))))",
        ),
        (
            "symbols mean the words",
            "count > 1 || count > 2 && !(count > 3)",
            "(or (> $count Int((1))) (and (> $count Int((2))) (not (> $count Int((3))))))",
        ),
        (
            "function forms of the words",
            "or(count > 1, and(count > 2, not(count > 3)))",
            "(or (> $count Int((1))) (and (> $count Int((2))) (not (> $count Int((3))))))",
        ),
        (
            "and of three folds left",
            "and(count > 1, count > 2, count > 3)",
            "(and (and (> $count Int((1))) (> $count Int((2)))) (> $count Int((3))))",
        ),
        (
            "not is looser than a comparison",
            "not count > 1 and count < 9",
            "(and (not (> $count Int((1)))) (< $count Int((9))))",
        ),
        (
            "product before sum, left to right",
            "count - 1 - 2 * 3 / 4 > 0",
            "(> (- (- $count Int((1))) (/ (* Int((2)) Int((3))) Int((4)))) Int((0)))",
        ),
        ("parentheses", "(count - 1) * 2 > 0", "(> (* (- $count Int((1))) Int((2))) Int((0)))"),
        ("a negative constant", "count > -5", "(> $count Int((-5)))"),
        ("minus without spaces", "count-5 > 0", "(> (- $count Int((5))) Int((0)))"),
        ("the window before", "count > 2 * previous(count)", "(> $count (* Int((2)) (previous 1 $count)))"),
        ("three windows before", "previous( errors , 3 ) > 5", "(> (previous 3 $errors) Int((5)))"),
        (
            "over earlier windows",
            "errors/total > 2 * avg_over(errors/total, 60m) + stddev_over(rps, 1h)",
            "(> (/ $errors $total) (+ (* Int((2)) (Avg 1h (/ $errors $total))) (Stddev 1h $rps)))",
        ),
        (
            "of durations",
            "p99 > max(median_over(p99, 1h), min_over(p99, 1h), max_over(p99, 1h), sum_over(p99, 1h))",
            "(> $p99 (Max (Median 1h $p99) (Min 1h $p99) (Max 1h $p99) (Sum 1h $p99)))",
        ),
        ("a day before", "offset(p99, 1d) > 1s", "(> (offset 1d $p99) Duration(Nanos(1000000000)))"),
        ("how unusual", "zscore(p99, 1h) > 3", "(> (zscore 1h $p99) Int((3)))"),
        (
            "an hour ahead",
            "predict_linear(slowest, 30m, 1h) > 5s",
            "(> (predict 30m 1h $slowest) Duration(Nanos(5000000000)))",
        ),
        ("true by themselves", "is_new() and not absent(10m)", "(and (new ) (not (absent 10m )))"),
        ("unary minus binds tightest", "-count * 2 < -(5)", "(< (* (neg $count) Int((2))) (neg Int((5))))"),
        ("the smallest integer", "count > -9223372036854775808", "(> $count Int((-9223372036854775808)))"),
        (
            "an integer beyond 64 bits",
            "count > 9223372036854775808",
            "(> $count Float((9.223372036854776e18)))",
        ),
        (
            "forms of numbers",
            "count in [1_000, .5, 1.50, 2e3, 2.5E-1, 12.5%]",
            "(in $count [Number(Int(1000)), Number(Float(0.5)), Number(Float(1.5)), Number(Float(2000.0)), Number(Float(0.25)), Number(Float(0.125))])",
        ),
        (
            "durations",
            "p99 > 1.5s and slowest < 1h30m",
            "(and (> $p99 Duration(Nanos(1500000000))) (< $slowest Duration(Nanos(5400000000000))))",
        ),
        (
            "a duration divided by one is a number",
            "busy / 1m > 0.5",
            "(> (/ $busy Duration(Nanos(60000000000))) Float((0.5)))",
        ),
        (
            "a duration times a number is one",
            "p99 * 2 < 2 * slowest + 1s",
            "(< (* $p99 Int((2))) (+ (* Int((2)) $slowest) Duration(Nanos(1000000000))))",
        ),
        ("a quoted number", "count >= '5'", "(>= $count Int((5)))"),
        ("between", "between(count, 1, 2)", "(between $count Int((1)) Int((2)))"),
        (
            "functions",
            "max(abs(amount), floor(rps), 1) > coalesce(amount, 0)",
            "(> (Max (Abs $amount) (Floor $rps) Int((1))) (Coalesce $amount Int((0))))",
        ),
        ("a constant division by zero is legal", "count > 1 / 0", "(> $count (/ Int((1)) Int((0))))"),
        ("line breaks", "count\n  > 5\r\n\tand\ncount < 9", "(and (> $count Int((5))) (< $count Int((9))))"),
    ];
    for (scenario, text, expected) in cases {
        assert_eq!(dump(&parse_condition(text)), expected, "{scenario}: {text}");
    }
}

#[test]
fn filters() {
    let cases = [
        ("an intrinsic", "name = \"GET /\"", "(= Name Text(\"GET /\"))"),
        ("words of status", "status = error", "(= Status Text(\"error\"))"),
        ("words of kind, on the left", "server != kind", "(!= Text(\"server\") Kind)"),
        (
            "words in a function form",
            "eq(status, error) or neq(kind, client)",
            "(or (= Status Text(\"error\")) (!= Kind Text(\"client\")))",
        ),
        ("words in quotes", "status = 'error'", "(= Status Text(\"error\"))"),
        (
            "words in lists",
            "status in [error, unset] and kind in (server)",
            "(and (in Status [Text(\"error\"), Text(\"unset\")]) (in Kind [Text(\"server\")]))",
        ),
        (
            "scoped attributes",
            "span.http.route = \"/\" and resource.k8s.pod.name = 'a' and event.exception.type = 'x' and scope.x = 'y'",
            "(and (and (and (= Span<http.route> Text(\"/\")) (= Resource<k8s.pod.name> Text(\"a\"))) (= Event<exception.type> Text(\"x\"))) (= Scope<x> Text(\"y\")))",
        ),
        ("an unscoped attribute", ".http.status_code >= 500", "(>= Either<http.status_code> Int((500)))"),
        (
            "keys in brackets",
            "span[\"weird key!\"] = 1 and any['a-b'] = 2",
            "(and (= Span<weird key!> Int((1))) (= Either<a-b> Int((2))))",
        ),
        (
            "columns of their own",
            "resource.service.name = 'a' or scope.name = 'b' or event.name = 'c' or .service.name = 'd'",
            "(or (or (or (= ServiceName Text(\"a\")) (= ScopeName Text(\"b\"))) (= EventName Text(\"c\"))) (= ServiceName Text(\"d\")))",
        ),
        (
            "an attribute named like an intrinsic",
            ".name = 'a' and span.duration > 3",
            "(and (= Either<name> Text(\"a\")) (> Span<duration> Int((3))))",
        ),
        ("root alone", "root and not root", "(and Root (not Root))"),
        ("root compared", "root = true", "(= Root Bool(true))"),
        ("an attribute's truth", ".cached == false", "(= Either<cached> Bool(false))"),
        ("a duration", "duration > 500ms", "(> Duration Duration(Nanos(500000000)))"),
        (
            "equality keeps a quoted number a text",
            ".http.status_code = \"401\"",
            "(= Either<http.status_code> Text(\"401\"))",
        ),
        (
            "order reads a quoted number",
            ".http.status_code > \"401\"",
            "(> Either<http.status_code> Int((401)))",
        ),
        (
            "order reads a quoted number on the left",
            "between('1.5', .a, .b)",
            "(between Float((1.5)) Either<a> Either<b>)",
        ),
        ("attributes in arithmetic", ".a + 1 > .b / 2", "(> (+ Either<a> Int((1))) (/ Either<b> Int((2))))"),
        ("two attributes", ".a = .b", "(= Either<a> Either<b>)"),
        (
            "regular expressions",
            "name =~ \"^GET /(a|b)\\\\d+\" and .x !~ 'y'",
            "(and (=~ Name /^GET /(a|b)\\d+/) (!~ Either<x> /y/))",
        ),
        ("a regular expression on words", "kind =~ \"server|consumer\"", "(=~ Kind /server|consumer/)"),
        (
            "lists of an attribute mix",
            ".code in [401, \"x\", true]",
            "(in Either<code> [Number(Int(401)), Text(\"x\"), Bool(true)])",
        ),
        (
            "texts",
            "contains(lower(name), 'x') and starts_with(.a, 'b') and length(upper(.c)) > 3",
            "(and (and (Contains (Lower Name) Text(\"x\")) (StartsWith Either<a> Text(\"b\"))) (> (Length (Upper Either<c>)) Int((3))))",
        ),
        (
            "coalesce of attributes",
            "coalesce(.a, span.b) = 'x'",
            "(= (Coalesce Either<a> Span<b>) Text(\"x\"))",
        ),
        (
            "escapes",
            r#"name = "a\"b\\c\n\u{e9}" or name = 'it\'s'"#,
            r#"(or (= Name Text("a\"b\\c\né")) (= Name Text("it's")))"#,
        ),
        ("keys in any script", "span.größe = 'x'", "(= Span<größe> Text(\"x\"))"),
        ("a constant", "true", "Bool(true)"),
    ];
    for (scenario, text, expected) in cases {
        assert_eq!(dump(&parse_where(text)), expected, "{scenario}: {text}");
    }
}

#[test]
fn nodes_know_where_they_stand() {
    let text = "not (status = error)  and gt(.größe, 5)";
    let expr = parse_where(text);
    let super::ExprKind::And(left, right) = &expr.kind else { panic!("{expr}") };
    assert_eq!(&text[expr.at.clone()], text);
    assert_eq!(&text[left.at.clone()], "not (status = error)");
    assert_eq!(&text[right.at.clone()], "gt(.größe, 5)");
}

#[test]
fn spanset_filters_of_traceql() {
    for (text, expected) in [
        (
            "{ resource.service.name = \"auth-service\" && span.http.status_code = 401 }",
            "(and (= ServiceName Text(\"auth-service\")) (= Span<http.status_code> Int((401))))",
        ),
        (
            "{status=error&&duration>500ms}",
            "(and (= Status Text(\"error\")) (> Duration Duration(Nanos(500000000))))",
        ),
        (" { } ", "Bool(true)"),
        // Intrinsics with their scope.
        ("{ span:status = error }", "(= Status Text(\"error\"))"),
        ("{ span:kind = server }", "(= Kind Text(\"server\"))"),
        ("{ span:name =~ `GET .*` }", "(=~ Name /GET .*/)"),
        ("{ span:duration > 1s }", "(> Duration Duration(Nanos(1000000000)))"),
        ("{ span:statusMessage = \"x\" }", "(= StatusMessage Text(\"x\"))"),
        ("{ statusMessage = \"x\" }", "(= StatusMessage Text(\"x\"))"),
        (
            "{ span:id = \"ab\" && trace:id = \"cd\" }",
            "(and (= SpanId Text(\"ab\")) (= TraceId Text(\"cd\")))",
        ),
        ("{ event:name = \"exception\" }", "(= EventName Text(\"exception\"))"),
        ("{ link:traceID = \"ab\" }", "(= LinkTraceId Text(\"ab\"))"),
        ("{ link:spanID = \"ab\" }", "(= LinkSpanId Text(\"ab\"))"),
        ("{ instrumentation:name = \"x\" }", "(= ScopeName Text(\"x\"))"),
        ("{ instrumentation:version = \"x\" }", "(= ScopeVersion Text(\"x\"))"),
        // Scopes.
        ("{ instrumentation.x = 1 }", "(= Scope<x> Int((1)))"),
        ("{ event.exception.type = `a` }", "(= Event<exception.type> Text(\"a\"))"),
        ("{ link.opentracing.ref_type = \"child_of\" }", "(= Link<opentracing.ref_type> Text(\"child_of\"))"),
        ("{ .a = .5 }", "(= Either<a> Float((0.5)))"),
        // Keys go on to white space or an operator, and may be quoted.
        ("{ span.a-b/c:d+e = 1 }", "(= Span<a-b/c:d+e> Int((1)))"),
        ("{ span.a-b=1&&.c/d<2 }", "(and (= Span<a-b> Int((1))) (< Either<c/d> Int((2))))"),
        ("{ span.\"a b\" = 1 }", "(= Span<a b> Int((1)))"),
        ("{ span.a.\"b \\\" }\".c = 1 }", "(= Span<a.b \" }.c> Int((1)))"),
        ("{ resource.`a b` = `c\\d` }", "(= Resource<a b> Text(\"c\\\\d\"))"),
        ("{ span[\"weird key!\"] = 1 }", "(= Span<weird key!> Int((1)))"),
        // An attribute by itself is true.
        ("{ .flag }", "(= Either<flag> Bool(true))"),
        ("{ !span.flag && .other }", "(and (not (= Span<flag> Bool(true))) (= Either<other> Bool(true)))"),
        ("{ root }", "Root"),
    ] {
        let selector = parse_spanset(text).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
        let Selector::Where(expr) = selector else { panic!("{text}: {selector:?}") };
        assert_eq!(dump(&expr), expected, "{text}");
    }
}

#[test]
fn presence_in_traceql_is_a_matter_of_selectors() {
    let exists = |key: &str, there| {
        let matcher = Matcher { tests: vec![Test::Exists(there)] };
        Selector::Match(Field::attribute(Scope::Span, key), matcher)
    };
    let root = |root| {
        let matcher = Matcher { tests: vec![Test::Eq(Value::Bool(root))] };
        Selector::Match(Field::Intrinsic(Intrinsic::Root), matcher)
    };
    let error = || Selector::Where(parse_where("status = error"));
    for (text, expected) in [
        ("{ span.a != nil }", exists("a", true)),
        ("{ span.a = nil }", exists("a", false)),
        ("{ nil != span.a }", exists("a", true)),
        ("{ span:parentID = nil }", root(true)),
        ("{ span:parentID != nil }", root(false)),
        ("{ !(span.a = nil) }", Selector::Not(Box::new(exists("a", false)))),
        ("{ status = error && span.a != nil }", Selector::All(vec![error(), exists("a", true)])),
        ("{ span.a = nil || status = error }", Selector::Any(vec![exists("a", false), error()])),
    ] {
        assert_eq!(parse_spanset(text), Ok(expected), "{text}");
    }
}

#[test]
fn fields() {
    let attribute = Field::attribute;
    let cases = [
        ("an intrinsic", "service_name", Field::Intrinsic(Intrinsic::ServiceName)),
        ("a bare key", "deployment.environment", attribute(Scope::Either, "deployment.environment")),
        ("a bare key with a dash", "http-status", attribute(Scope::Either, "http-status")),
        ("unscoped", ".name", attribute(Scope::Either, "name")),
        ("scoped", "resource.k8s.pod.name", attribute(Scope::Resource, "k8s.pod.name")),
        ("the service", "resource.service.name", Field::Intrinsic(Intrinsic::ServiceName)),
        ("the service, bare", "service.name", Field::Intrinsic(Intrinsic::ServiceName)),
        ("an event's name", "event.name", Field::Intrinsic(Intrinsic::EventName)),
        ("in brackets", "span[\"weird key!\"]", attribute(Scope::Span, "weird key!")),
        ("in any scope's brackets", "any['a b']", attribute(Scope::Either, "a b")),
        ("a word that starts like a scope", "spanner.x", attribute(Scope::Either, "spanner.x")),
        ("white space around", " duration ", Field::Intrinsic(Intrinsic::Duration)),
    ];
    for (scenario, text, expected) in cases {
        assert_eq!(parse_field(text), Ok(expected), "{scenario}: {text}");
    }
    for (scenario, text, offender) in [
        ("empty", "", ""),
        ("a space in a bare key", "weird key", " "),
        ("a call", "lower(name)", "("),
        ("a scope without a key", "span.", "span."),
        ("brackets without quotes", "span[x]", "["),
    ] {
        let problem = parse_field(text).expect_err(scenario);
        assert_eq!(&text[problem.at.clone()], offender, "{scenario}: {problem:?}");
    }
}

#[test]
fn types_of_checked_trees() {
    let aggregates = aggregates();
    let cases = [
        ("count > 1", Type::Number),
        ("p99 > 1s", Type::Duration),
        ("p99 * 2 > 1s", Type::Duration),
        ("busy / 1s > 1", Type::Number),
        ("-slowest < 1s", Type::Duration),
        ("max(p99, slowest) > 1s", Type::Duration),
        ("coalesce(amount, 0) > 1", Type::Number),
        ("length('a') > count", Type::Number),
    ];
    for (text, expected) in cases {
        let expr = parse_condition(text);
        assert_eq!(type_of(&expr, &aggregates), Type::Bool, "{text}");
        let super::ExprKind::Compare(_, left, _) = &expr.kind else { panic!("{text}") };
        assert_eq!(type_of(left, &aggregates), expected, "{text}");
    }
}
