//! Templates of annotations: what they may use, and whether a text is one.
//!
//! Rendering belongs to `fluo-alerts`; the names that a template may use are listed here so that `fluo check`
//! and the renderer agree. `MiniJinja` finds unknown filters, tests and functions only when a template runs into
//! them, which for a branch that is rarely taken is the night of the incident. They are therefore looked up
//! here, word by word.
//!
//! | file | does |
//! | --- | --- |
//! | `lexer` | text → tags and their tokens |
//! | `nesting` | refuses what is nested too deep to be parsed |
//! | `names` | the table of variables; finds paths that lead to nothing |
//! | `foreign` | knows other template languages, for hints |

mod foreign;
mod lexer;
mod names;
mod nesting;
mod problem;

use std::collections::BTreeSet;

use minijinja::{Environment, ErrorKind};

use crate::diagnostic::{Code, Hint};
use crate::expr::nearest::nearest;
use lexer::{Kind, Tag, Token};

pub use names::{Holds, Names, VARIABLES, Variable};
pub use problem::TemplateProblem;

/// Filters beyond those of `MiniJinja`.
pub const FILTERS: [&str; 4] = ["duration", "percent", "humanize", "iso"];

/// Returns whether a text has anything in it that rendering would replace.
pub fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|start| text.contains(start))
}

/// Returns the environment that every template is parsed in. The renderer adds [`FILTERS`] and functions, and takes
/// nothing away.
///
/// A namespace outlives the loop that it is set in, and so could hold a value nested deeper than a thread's stack.
pub fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.remove_global("namespace");
    environment
}

/// Everything that is wrong with a template of a rule with these names.
pub fn check(text: &str, names: &Names<'_>) -> Vec<TemplateProblem> {
    let whole = |code, message| vec![TemplateProblem { code, at: 0..text.len(), message, hint: None }];
    if text.len() > crate::expr::MAX_BYTES {
        return whole(
            Code::TemplateSyntax,
            format!("the template is {} bytes long; it may have 16 KiB", text.len()),
        );
    }
    let tags = lexer::tags(text);
    if let Some(nesting::TooDeep { at, message }) = nesting::too_deep(&tags) {
        return vec![TemplateProblem { code: Code::TemplateTooDeep, at, message, hint: None }];
    }
    let environment = environment();
    let template = match environment.template_from_str(text) {
        Ok(template) => template,
        Err(error) => return vec![syntax(&error, text)],
    };
    let used = template.undeclared_variables(false).into_iter().collect();
    let mut problems = unknown_variables(&environment, &used, &tags, names);
    for problem in &mut problems {
        problem.hint = foreign::hint(text, problem.at.start).map(Hint::from).or_else(|| problem.hint.take());
    }
    problems.extend(names::unknown(&tags, names));
    problems.extend(
        tags.iter()
            .flat_map(operations)
            .filter_map(|(token, what)| unknown_operation(&environment, token, what)),
    );
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
        message: format!("not a template: {reason}"),
        hint: foreign::hint(text, at.start).map(Hint::from),
        at,
    }
}

fn unknown_variables(
    environment: &Environment<'_>,
    used: &BTreeSet<String>,
    tags: &[Tag<'_>],
    names: &Names<'_>,
) -> Vec<TemplateProblem> {
    let globals: BTreeSet<&str> = environment.globals().map(|(name, _)| name).collect();
    let known = |name: &str| VARIABLES.iter().any(|variable| variable.name == name) || globals.contains(name);
    let place = |name: &str| {
        let first = tags.iter().find_map(|tag| {
            let named = |index: usize| {
                tag.tokens[index].is(name) && !(index > 0 && tag.tokens[index - 1].precedes_part())
            };
            (0..tag.tokens.len()).find(|&index| named(index)).map(|index| tag.tokens[index].at.clone())
        });
        first.unwrap_or(0..0)
    };
    let problem = |name: &str, message: String, hint: Hint| TemplateProblem {
        code: Code::TemplateName,
        at: place(name),
        message,
        hint: Some(hint),
    };
    let mut problems = Vec::new();
    for name in used {
        let is_variable = VARIABLES.iter().any(|variable| variable.name == name);
        if !known(name) {
            problems.push(problem(name, format!("a template knows no `{name}`"), names.instead_of(name)));
        } else if is_variable && !names.may_use(name) {
            let hint = format!("{}: what stays the same as long as an alert lives", names.all_variables());
            problems.push(problem(name, format!("a label cannot be made of `{name}`"), hint.into()));
        }
    }
    problems
}

/// The filters and tests that a tag names.
fn operations<'t, 'a>(tag: &'t Tag<'a>) -> Vec<(&'t Token<'a>, Operation)> {
    let mut found = Vec::new();
    for (index, token) in tag.tokens.iter().enumerate().skip(1).filter(|(_, token)| token.kind == Kind::Word)
    {
        let before = &tag.tokens[index - 1];
        let negated = before.is("not") && index >= 2 && tag.tokens[index - 2].is("is");
        if before.is("|") || (index == 1 && tag.statement() == Some("filter")) {
            found.push((token, Operation::Filter));
        } else if negated || (before.is("is") && !token.is("not")) {
            found.push((token, Operation::Test));
        }
    }
    found
}

/// Returns whether a template may name the limit called `key`: what it does not name cannot be missed.
pub fn may_name_limit(template: &str, key: &str) -> bool {
    template.contains("limit") && template.contains(key)
}

/// The kinds of operation that are applied to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Filter,
    Test,
}

/// A filter or test that does not exist.
fn unknown_operation(
    environment: &Environment<'_>,
    token: &Token<'_>,
    operation: Operation,
) -> Option<TemplateProblem> {
    let name = token.text;
    let (probe, unknown, what) = match operation {
        Operation::Filter if FILTERS.contains(&name) => return None,
        Operation::Filter => (format!("0|{name}"), ErrorKind::UnknownFilter, "filter"),
        Operation::Test => (format!("0 is {name}"), ErrorKind::UnknownTest, "test"),
    };
    // The environment tells whether it has a filter only by running it; nothing else it says matters here.
    let failed = environment.compile_expression(&probe).and_then(|probe| probe.eval(()).map(drop)).err()?;
    (failed.kind() == unknown).then(|| TemplateProblem {
        code: Code::TemplateName,
        at: token.at.clone(),
        message: format!("there is no {what} `{name}`"),
        hint: nearest(name, FILTERS).filter(|_| operation == Operation::Filter).map(Hint::did_you_mean),
    })
}

#[cfg(test)]
mod tests;
