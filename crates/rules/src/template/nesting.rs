//! Counts how deep a template is nested, before it is parsed.
//!
//! `MiniJinja` parses, compiles and drops a template by functions that call themselves, and counts only some of them: a
//! kilobyte of minus signs ends the program, not the template. What passes here takes a part of a thread's stack.

use std::ops::Range;

use super::lexer::{Kind, Tag, Token};
use crate::expr::{MAX_HEIGHT, MAX_NESTING};

/// The place of something that is nested too deep, and what to say of it.
pub(super) struct TooDeep {
    pub(super) at: Range<usize>,
    pub(super) message: String,
}

/// The first thing that is nested too deep: blocks, brackets, or operators upon each other.
pub(super) fn too_deep(tags: &[Tag<'_>]) -> Option<TooDeep> {
    let mut blocks = 0_usize;
    for tag in tags {
        if let Some(statement) = tag.statement() {
            if opens(tag, statement) {
                blocks += 1;
            } else if statement.starts_with("end") {
                blocks = blocks.saturating_sub(1);
            }
            // What it calls itself with may be nested deeper each time.
            if let Some(recursive) =
                tag.tokens.last().filter(|last| statement == "for" && last.is("recursive"))
            {
                let message =
                    "a loop cannot call itself here: nothing that a template sees is nested".to_owned();
                return Some(TooDeep { at: recursive.at.clone(), message });
            }
            if blocks > MAX_NESTING {
                let at = tag.tokens.first().map_or(0..0, |token| token.at.clone());
                return Some(TooDeep {
                    at,
                    message: format!("blocks are nested more than {MAX_NESTING} deep"),
                });
            }
        }
        if let Some(found) = expression(&tag.tokens) {
            return Some(found);
        }
    }
    None
}

/// Returns whether a block has others within it, up to its end. `elif` is one within the `if` before it.
fn opens(tag: &Tag<'_>, statement: &str) -> bool {
    match statement {
        "for" | "if" | "elif" | "with" | "filter" | "autoescape" => true,
        // `{% set x %}…{% endset %}`, as opposed to `{% set x = 1 %}`.
        "set" => !tag.tokens.iter().any(|token| token.is("=")),
        _ => false,
    }
}

/// An expression is at most as high as operators stand upon each other: those of its own level, and those of the levels
/// around it since their last comma.
fn expression(tokens: &[Token<'_>]) -> Option<TooDeep> {
    let mut around: Vec<usize> = Vec::new();
    let (mut below, mut level) = (0_usize, 0_usize);
    for token in tokens {
        match token.text {
            "(" | "[" | "{" => {
                level += 1;
                around.push(level);
                below += level;
                level = 0;
                if around.len() > MAX_NESTING {
                    let message = format!("nested more than {MAX_NESTING} deep");
                    return Some(TooDeep { at: token.at.clone(), message });
                }
            }
            ")" | "]" | "}" => {
                level = around.pop().unwrap_or(level);
                below = below.saturating_sub(level);
            }
            "," => level = 0,
            _ if is_operator(token) => level += 1,
            _ => {}
        }
        if below + level > MAX_HEIGHT {
            let message = format!("more than {MAX_HEIGHT} operators in a row");
            return Some(TooDeep { at: token.at.clone(), message });
        }
    }
    None
}

fn is_operator(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Symbol => true,
        Kind::Word => matches!(token.text, "not" | "and" | "or" | "if" | "else" | "is" | "in"),
        Kind::Number | Kind::Text => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Names, check, lexer};
    use super::*;
    use crate::diagnostic::Code;

    /// One construct upon another, `times` times.
    fn nested(scenario: &str, times: usize) -> String {
        let of = |before: &str, inner: &str, after: &str| {
            format!("{{{{ {}{inner}{} }}}}", before.repeat(times), after.repeat(times))
        };
        match scenario {
            "minus" => of("-", "1", ""),
            "not" => of("not ", "true", ""),
            "parentheses" => of("(", "1", ")"),
            "lists" => of("[", "1", "]"),
            "mappings" => of("{'a': ", "1", "}"),
            "sums" => of("1 + ", "1", ""),
            "powers" => of("1 ** ", "1", ""),
            "texts" => of("'a' ~ ", "1", ""),
            "either" => of("true or ", "1", ""),
            "attributes" => of("", "rule", ".a"),
            "items" => of("", "rule", "[0]"),
            "calls" => of("", "trace_url", "(1)"),
            "calls within calls" => of("trace_url(", "1", ")"),
            "filters" => of("", "rule", "|upper"),
            "tests" => of("", "rule", " is string"),
            "negated tests" => of("", "rule", " is not string"),
            "choices" => of("1 if true else ", "1", ""),
            "choices before" => of("", "1", " if true else 1"),
            "minus and index" => of("-[", "1", "][0]"),
            "never closed" => format!("{{{{ {}", "-".repeat(times)),
            "blocks" => "{% if true %}".repeat(times) + &"{% endif %}".repeat(times),
            "loops" => "{% for x in [1] %}".repeat(times) + &"{% endfor %}".repeat(times),
            "elif" => "{% if true %}".to_owned() + &"{% elif true %}".repeat(times) + "{% endif %}",
            "set blocks" => "{% set x %}".repeat(times) + &"{% endset %}".repeat(times),
            "targets" => {
                format!("{{% for {}x{} in [] %}}{{% endfor %}}", "(".repeat(times), ")".repeat(times))
            }
            other => panic!("{other}"),
        }
    }

    const ALL: [&str; 25] = [
        "minus",
        "not",
        "parentheses",
        "lists",
        "mappings",
        "sums",
        "powers",
        "texts",
        "either",
        "attributes",
        "items",
        "calls",
        "calls within calls",
        "filters",
        "tests",
        "negated tests",
        "choices",
        "choices before",
        "minus and index",
        "never closed",
        "blocks",
        "loops",
        "elif",
        "set blocks",
        "targets",
    ];

    /// Runs `f` with the stack that a thread has.
    fn on_a_thread<T: Send>(f: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn_scoped(scope, f);
            thread.unwrap().join().unwrap()
        })
    }

    #[test]
    fn nothing_that_is_nested_takes_more_than_a_thread_s_stack() {
        on_a_thread(|| {
            for scenario in ALL {
                // As deep as it may be, by our count, is parsed and compiled; as deep as there is room for, is refused.
                let deepest =
                    (1..=400).rev().find(|&times| too_deep(&lexer::tags(&nested(scenario, times))).is_none());
                let deepest = deepest.unwrap_or_else(|| panic!("{scenario}: never deep enough"));
                assert!((32..400).contains(&deepest), "{scenario}: {deepest}");
                check(&nested(scenario, deepest), &Names::default());
                let hostile = nested(scenario, 500);
                let found = check(&hostile, &Names::default());
                assert_eq!(
                    found.iter().map(|problem| problem.code).collect::<Vec<_>>(),
                    [Code::TemplateTooDeep],
                    "{scenario}"
                );
            }
            // Everything at once: blocks around brackets around operators.
            let inner = nested("minus", 150).replace("{{ ", "").replace(" }}", "");
            let brackets = format!("{{{{ {}{inner}{} }}}}", "[".repeat(60), "]".repeat(60));
            let whole = "{% if true %}".repeat(64) + &brackets + &"{% endif %}".repeat(64);
            check(&whole, &Names::default());
        });
    }

    #[test]
    fn what_could_nest_values_while_it_runs_is_refused() {
        for (text, at, code) in [
            ("{% for x in [1] recursive %}{{ loop([[x]]) }}{% endfor %}", "recursive", Code::TemplateTooDeep),
            ("{% set n = namespace(x=1) %}{% set n.x = [n.x] %}", "namespace", Code::TemplateName),
        ] {
            let found = check(text, &Names::default());
            let found: Vec<_> = found.into_iter().map(|problem| (&text[problem.at], problem.code)).collect();
            assert_eq!(found, [(at, code)], "{text}");
        }
    }

    #[test]
    fn long_templates_that_are_not_deep_are_left_alone() {
        for text in [
            "- ".repeat(4000),
            "{{ rule }}, ".repeat(500),
            "{% if state == 'firing' %}{{ rule }}{% endif %}".repeat(100),
            format!("{{{{ [{}] }}}}", "-1, ".repeat(1000)),
            format!("{{{{ {{{}}} }}}}", "'k': rule, ".repeat(500)),
        ] {
            assert!(too_deep(&lexer::tags(&text)).is_none(), "{text}");
        }
    }
}
