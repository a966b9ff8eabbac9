//! Large, deep and random input: refused clearly or accepted, never a crash.

use proptest::prelude::*;

use super::super::{MAX_BYTES, MAX_HEIGHT, MAX_NESTING, parse_field, parse_spanset};
use super::{Context, aggregates, parse, parse_where};
use crate::diagnostic::Code;

fn codes(text: &str) -> Vec<Code> {
    parse(text, Context::Where)
        .map_or_else(|problems| problems.iter().map(|problem| problem.code).collect(), |_| vec![])
}

#[test]
fn length() {
    let of = |length: usize| format!("name = '{}'", "x".repeat(length - 9));
    assert_eq!(codes(&of(MAX_BYTES)), []);
    assert_eq!(codes(&of(MAX_BYTES + 1)), [Code::ExprTooLong]);
    assert_eq!(codes(&"é".repeat(MAX_BYTES)), [Code::ExprTooLong], "the place is on a character boundary");
}

#[test]
fn nesting() {
    type Case = (&'static str, fn(usize) -> String);
    let cases: [Case; 6] = [
        ("parentheses", |depth| format!("{}root{}", "(".repeat(depth), ")".repeat(depth))),
        ("not", |depth| format!("{}root", "not ".repeat(depth))),
        ("exclamation marks", |depth| format!("{}root", "!".repeat(depth))),
        ("minus", |depth| format!("{}.a > 1", "-".repeat(depth))),
        ("calls", |depth| format!("{}name{} = 'x'", "lower(".repeat(depth), ")".repeat(depth))),
        ("calls of and", |depth| format!("{}root{}", "and(root, ".repeat(depth), ")".repeat(depth))),
    ];
    for (scenario, text) in cases {
        assert_eq!(codes(&text(MAX_NESTING)), [], "{scenario}");
        assert_eq!(codes(&text(MAX_NESTING + 1)), [Code::ExprTooDeep], "{scenario}");
        assert_eq!(codes(&text(1_000)), [Code::ExprTooDeep], "{scenario}");
    }
    assert_eq!(codes(&"(".repeat(MAX_BYTES)), [Code::ExprTooDeep], "unclosed");
}

#[test]
fn chains() {
    let cases: [(&str, &str, &str); 4] = [
        ("or", "root", " or root"),
        ("and", "root", " and root"),
        ("plus", "1 < 1", "+1"),
        ("minus", "1 < .a", "-.a"),
    ];
    for (scenario, first, more) in cases {
        // The comparison itself and its other operand take two levels of the height.
        let longest = parse_where(&format!("{first}{}", more.repeat(MAX_HEIGHT - 2)));
        assert_eq!(longest.clone(), longest, "{scenario}: can be copied, compared and dropped");
        assert_eq!(parse_where(&longest.to_string()), longest, "{scenario}: can be printed");
        for operands in [MAX_HEIGHT + 1, 1_500] {
            assert_eq!(
                codes(&format!("{first}{}", more.repeat(operands))),
                [Code::ExprTooDeep],
                "{scenario}"
            );
        }
    }
    let many = |count: usize| format!("and({})", vec!["root"; count].join(", "));
    assert_eq!(codes(&many(MAX_HEIGHT - 1)), []);
    assert_eq!(codes(&many(MAX_HEIGHT + 1)), [Code::ExprTooDeep]);
}

#[test]
fn long_lists_are_fine() {
    let list = vec!["'abc'"; 2_000].join(",");
    assert_eq!(codes(&format!("name in [{list}]")), []);
}

/// Texts made of pieces of the language, which get further than random characters do.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "count",
        "p99",
        "name",
        "status",
        "error",
        ".a",
        "span.b",
        "span",
        "any",
        "true",
        "not ",
        " and ",
        " or ",
        " in ",
        "[",
        "]",
        "(",
        ")",
        "{",
        "}",
        ",",
        " > ",
        "<=",
        "==",
        "=~",
        "!",
        "-",
        "+",
        "*",
        "/",
        "5",
        "5%",
        "5ms",
        "1e9",
        "1e",
        "'x'",
        "\"\\\\d\"",
        "\"",
        "'",
        "\\",
        "gt(",
        "between(",
        "coalesce(",
        "previous(",
        "avg_over(count, 1h)",
        "absent(",
        "é",
        " ",
        "\n",
        ".",
        "0x1",
        "=",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

fn is_sound(text: &str) -> Result<(), TestCaseError> {
    let aggregates = aggregates();
    let mut outcomes = vec![parse_spanset(text).map(drop)];
    outcomes.extend(
        [Context::Where, Context::Condition { aggregates: &aggregates }]
            .map(|context| parse(text, context).map(drop)),
    );
    for problems in outcomes.into_iter().filter_map(Result::err) {
        prop_assert!(!problems.is_empty());
        for problem in problems {
            prop_assert!(text.get(problem.at.clone()).is_some(), "{problem:?} points into {text:?}");
            prop_assert!(!problem.message.contains('\n'), "{problem:?}");
        }
    }
    if let Err(problem) = parse_field(text) {
        prop_assert!(text.get(problem.at.clone()).is_some(), "{problem:?} points into {text:?}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn random_texts_do_not_crash(text in any::<String>()) {
        is_sound(&text)?;
    }

    #[test]
    fn random_pieces_do_not_crash(text in pieces()) {
        is_sound(&text)?;
    }
}
