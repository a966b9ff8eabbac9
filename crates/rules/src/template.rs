//! Templates of annotations: what they may use, and whether a text is one.
//!
//! Rendering belongs to `fluo-alerts`; the names that a template may use are listed here so that `fluo check`
//! and the renderer agree. `MiniJinja` finds unknown filters, tests and functions only when a template runs into
//! them, which for a branch that is rarely taken is the night of the incident. They are therefore looked up
//! here, word by word.

mod words;

use std::collections::BTreeSet;
use std::ops::Range;

use minijinja::{Environment, ErrorKind};

use crate::diagnostic::Code;
use crate::expr::nearest::nearest;
use crate::rule::Aggregate;
use words::{Role, Word};

/// Variables (and the function `trace_url`) that a template may use.
pub const VARIABLES: [&str; 16] = [
    "rule",
    "severity",
    "labels",
    "group",
    "value",
    "first",
    "peak",
    "condition",
    "window",
    "started_at",
    "firing_for",
    "evidence",
    "top",
    "trace_url",
    "runbook_url",
    "state",
];

/// Filters beyond those of `MiniJinja`.
pub const FILTERS: [&str; 4] = ["duration", "percent", "humanize", "iso"];

/// What is wrong with a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateProblem {
    /// The finding's code.
    pub code: Code,
    /// Bytes of the template.
    pub at: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// Everything that is wrong with a template of a rule with these `aggregates` (besides `count`); where they
/// are not known, the names behind `value.` are not looked at.
pub fn check(text: &str, aggregates: Option<&[&str]>) -> Vec<TemplateProblem> {
    if text.len() > crate::expr::MAX_BYTES {
        let message = format!("the template is {} bytes long; it may have 16 KiB", text.len());
        return vec![TemplateProblem { code: Code::TemplateSyntax, at: 0..text.len(), message, hint: None }];
    }
    let environment = Environment::new();
    let template = match environment.template_from_str(text) {
        Ok(template) => template,
        Err(error) => return vec![syntax(&error, text)],
    };
    let words = words::of(text);
    let mut problems =
        unknown_variables(&environment, &template.undeclared_variables(false).into_iter().collect(), &words);
    if let Some(aggregates) = aggregates {
        problems.extend(unknown_values(
            text,
            &template.undeclared_variables(true).into_iter().collect(),
            aggregates,
        ));
    }
    for word in &words {
        problems.extend(unknown_operation(&environment, word));
    }
    problems.sort_by_key(|problem| problem.at.start);
    problems
}

fn syntax(error: &minijinja::Error, text: &str) -> TemplateProblem {
    // Without a range there is a line; without a line, the whole.
    let line = || {
        let number = error.line()?.checked_sub(1)?;
        let start = text.split_inclusive('\n').take(number).map(str::len).sum::<usize>();
        let length = text.get(start..)?.lines().next()?.len();
        Some(start..start + length)
    };
    let range = error.range().filter(|range| text.get(range.clone()).is_some());
    let at = range.or_else(line).unwrap_or(0..text.len());
    let reason = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    TemplateProblem {
        code: Code::TemplateSyntax,
        at,
        message: format!("not a template: {reason}"),
        hint: None,
    }
}

fn unknown_variables(
    environment: &Environment<'_>,
    used: &BTreeSet<String>,
    words: &[Word<'_>],
) -> Vec<TemplateProblem> {
    let globals: BTreeSet<&str> = environment.globals().map(|(name, _)| name).collect();
    let unknown =
        used.iter().filter(|name| !VARIABLES.contains(&name.as_str()) && !globals.contains(name.as_str()));
    unknown
        .map(|name| {
            let place = words.iter().find(|word| word.role == Role::Name && word.text == name);
            TemplateProblem {
                code: Code::TemplateName,
                at: place.map_or(0..0, |word| word.at.clone()),
                message: format!("a template knows no `{name}`"),
                hint: Some(nearest(name, VARIABLES).map_or_else(
                    || format!("it may use {}", VARIABLES.join(", ")),
                    |near| format!("did you mean `{near}`?"),
                )),
            }
        })
        .collect()
}

/// `value.x` where the rule has no aggregate `x`: it would be nothing in every alert.
fn unknown_values(text: &str, used: &BTreeSet<String>, aggregates: &[&str]) -> Vec<TemplateProblem> {
    let names = used.iter().filter_map(|path| path.strip_prefix("value.")?.split('.').next());
    let unknown: BTreeSet<&str> =
        names.filter(|name| *name != Aggregate::COUNT && !aggregates.contains(name)).collect();
    let known = || aggregates.iter().copied().chain([Aggregate::COUNT]);
    unknown
        .into_iter()
        .map(|name| {
            let path = format!("value.{name}");
            let at = text.find(&path).map_or(0..0, |at| at + "value.".len()..at + path.len());
            TemplateProblem {
                code: Code::TemplateName,
                at,
                message: format!("the rule has no aggregate `{name}`"),
                hint: nearest(name, known()).map(|near| format!("did you mean `{near}`?")),
            }
        })
        .collect()
}

/// A filter or test that does not exist.
fn unknown_operation(environment: &Environment<'_>, word: &Word<'_>) -> Option<TemplateProblem> {
    let (probe, unknown, what) = match word.role {
        Role::Filter if FILTERS.contains(&word.text) => return None,
        Role::Filter => (format!("0|{}", word.text), ErrorKind::UnknownFilter, "filter"),
        Role::Test => (format!("0 is {}", word.text), ErrorKind::UnknownTest, "test"),
        Role::Name => return None,
    };
    // The environment tells whether it has a filter only by running it; nothing else it says matters here.
    let failed = environment.compile_expression(&probe).and_then(|probe| probe.eval(()).map(drop)).err()?;
    (failed.kind() == unknown).then(|| TemplateProblem {
        code: Code::TemplateName,
        at: word.at.clone(),
        message: format!("there is no {what} `{}`", word.text),
        hint: nearest(word.text, FILTERS)
            .filter(|_| what == "filter")
            .map(|near| format!("did you mean `{near}`?")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Code, part of the template and message of each problem.
    fn problems(text: &str) -> Vec<(Code, &str, String)> {
        check(text, Some(&["errors", "total", "p99"]))
            .into_iter()
            .map(|problem| (problem.code, &text[problem.at.clone()], problem.message))
            .collect()
    }

    #[test]
    fn templates_that_work_are_left_alone() {
        for text in [
            "plain text, 100 %",
            "{{ (value.errors / value.total) | percent }} of checkouts fail in {{ group['deployment.environment'] }}",
            "{% for span in evidence %}{{ trace_url(span.trace_id) }}{% if not loop.last %}, {% endif %}{% endfor %}",
            "{{ window.start | iso }} {{ value.p99|duration|upper }} {{ value.count | humanize }}",
            "{% if labels.team is defined and state == 'firing' %}{{ rule }}{% endif %}",
            "{% set total = value.total %}{{ total | default(0) | round(2) }}",
            "{{ '{{ nothing | here }}' }} {# {{ comment | nope }} #} {% raw %}{{ raw | nope }}{% endraw %}",
            "{{ dict(a=1)['a'] }} {{ range(3) | join(', ') }}",
        ] {
            assert_eq!(check(text, Some(&["errors", "total", "p99"])), [], "{text}");
        }
    }

    #[test]
    fn mistakes_are_found_where_they_are() {
        let name = Code::TemplateName;
        for (text, expected) in [
            ("{{ valeu.count }}", vec![(name, "valeu", "a template knows no `valeu`")]),
            ("{{ value.count | precent }}", vec![(name, "precent", "there is no filter `precent`")]),
            ("{% if rule is nice %}x{% endif %}", vec![(name, "nice", "there is no test `nice`")]),
            ("{{ trace_link(1) }}", vec![(name, "trace_link", "a template knows no `trace_link`")]),
            (
                "{% if false %}{{ value.x | nope }}{{ y }}{% endif %}",
                vec![
                    (name, "x", "the rule has no aggregate `x`"),
                    (name, "nope", "there is no filter `nope`"),
                    (name, "y", "a template knows no `y`"),
                ],
            ),
        ] {
            let expected: Vec<_> =
                expected.into_iter().map(|(code, at, text)| (code, at, text.to_owned())).collect();
            assert_eq!(problems(text), expected, "{text}");
        }
        for (text, part) in [("a {{ value. }} b", "}}"), ("{% if x %}", ""), ("a\n{{ 'x }}", "{{ 'x")] {
            let [(Code::TemplateSyntax, at, _)] = &problems(text)[..] else {
                panic!("{text}: {:?}", problems(text))
            };
            assert!(at.starts_with(part), "{text}: {at}");
        }
    }
}
