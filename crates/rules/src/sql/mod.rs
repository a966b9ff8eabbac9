//! `sql:`: a rule as one query over the spans of each window.
//!
//! | stage | from | to | where |
//! | --- | --- | --- | --- |
//! | parse | text | the tree of one `SELECT` | `parse` |
//! | check | tree | columns of its rows, fields that it reads | `query`, `select`, `expression`, `calls`, [`functions`], `typed` |
//!
//! Whatever is not listed is refused: statements, clauses, tables, functions, casts. So a query that is accepted reads one
//! table, the spans of its window, and gives the same rows for the same spans at any time. Its size is bounded, too: no
//! text grows without end, and no spans are read more often than a person would write. `fluo-plan` looks at the plan of
//! an accepted query once more, before it runs.

mod calls;
mod dialect;
mod expression;
pub mod functions;
mod parse;
mod query;
mod select;
mod typed;

pub(crate) use parse::bytes;
pub use parse::{MAX_TOKENS, statement};
pub use typed::SPAN_COLUMNS;

use std::collections::BTreeSet;
use std::ops::Range;

use crate::diagnostic::{Code, Finding};
use crate::expr::Problem;
use crate::field::Field;
use crate::rule::Rule;
use query::Checker;

/// The table that queries read.
pub const TABLE: &str = "spans";

/// The placeholder of the moment before the window: spans that ended then are not in it.
pub const WINDOW_START: &str = "$window_start";

/// The placeholder of the moment at which the window ends: spans that ended then are in it.
pub const WINDOW_END: &str = "$window_end";

/// The column whose values are traces, which the evidence is of.
pub const TRACE_ID: &str = "trace_id";

/// The column whose values are spans of these traces, which are the evidence.
pub const SPAN_ID: &str = "span_id";

/// A checked query.
#[derive(Debug, Clone, PartialEq)]
pub struct SqlRule {
    /// As written.
    pub text: String,
    /// The columns of its rows, in order.
    pub columns: Vec<Column>,
    /// The fields of spans that it reads, each once, in the order in which it names them.
    pub reads: Vec<Field>,
}

/// A column of the rows of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The type of its values.
    pub unit: Unit,
    /// The part that it has in a violation.
    pub role: Role,
    /// The fields of spans that its values are made of.
    pub reads: Vec<Field>,
}

/// The type of a column's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Text.
    Text,
    /// Numbers.
    Number,
    /// Lengths of time.
    Duration,
    /// Moments.
    Moment,
}

/// The part that a column has in a violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Its text is part of the group.
    Group,
    /// It is a value.
    Value,
    /// It names the traces that are the evidence.
    Trace,
    /// It names the spans of these traces that are.
    Span,
}

impl SqlRule {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The columns that are values.
    pub fn values(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.role == Role::Value)
    }
}

/// Reads a query. `group_by`: the columns that are the group; where there are none, those of texts are. Doubts are told
/// beside it.
///
/// # Errors
///
/// All that is wrong with it, with places in its text.
pub(crate) fn read(text: &str, group_by: Option<&[String]>) -> Result<(SqlRule, Vec<Problem>), Vec<Problem>> {
    let (statement, tokens) = parse::parsed(text).map_err(|problem| vec![*problem])?;
    let mut checker = Checker::new(&tokens);
    let columns = checker.statement(&statement);
    let columns = columns.map(|columns| roles(&mut checker, columns, group_by)).unwrap_or_default();
    let Checker { problems, reads, .. } = checker;
    let (errors, doubts): (Vec<_>, Vec<_>) =
        problems.into_iter().partition(|problem| problem.code.stops_loading());
    if errors.is_empty() {
        Ok((SqlRule { text: text.to_owned(), columns, reads }, doubts))
    } else {
        Err(errors)
    }
}

/// Returns the planner's complaint about the query of a rule that was loaded. `place`: lines and columns of the query's
/// text, from 1; none where it is about the whole.
pub fn refusal(rule: &Rule, message: &str, place: Option<Range<(u64, u64)>>) -> Finding {
    crate::check::sql_refusal(rule, message, place)
}

/// The columns of the rows with their roles.
fn roles(checker: &mut Checker<'_>, columns: Vec<typed::Output>, group_by: Option<&[String]>) -> Vec<Column> {
    let mut names = BTreeSet::new();
    let mut roles = Vec::new();
    for typed::Output { name, at, typed } in columns {
        let Some(name) = name else {
            let problem = Problem::new(Code::SqlColumn, at, "a column of the rows has no name");
            checker.problems.push(problem.hint("name it: `… AS failed`"));
            continue;
        };
        if !names.insert(name.clone()) {
            let message = format!("two columns of the rows are called `{name}`");
            checker.problems.push(Problem::new(Code::SqlColumn, at, message));
            continue;
        }
        let Some((unit, role)) = role(checker, &name, &at, &typed, group_by) else { continue };
        roles.push(Column { name, unit, role, reads: typed.reads });
    }
    let (trace, span) = (Role::Trace, Role::Span);
    let is_named = |name: &str| roles.iter().any(|column| column.name == name);
    if roles.iter().any(|column| column.role == span) && !is_named(TRACE_ID) {
        let message = "the rows have a `span_id` and no `trace_id`: a span is found by both";
        let problem = Problem::new(Code::SqlColumn, checker.all(), message);
        checker.problems.push(problem.hint("select the `trace_id` beside it"));
    }
    debug_assert!(roles.iter().filter(|column| column.role == trace).count() <= 1, "names are distinct");
    roles
}

fn role(
    checker: &mut Checker<'_>,
    name: &str,
    at: &Range<usize>,
    typed: &typed::Typed,
    group_by: Option<&[String]>,
) -> Option<(Unit, Role)> {
    use typed::Kind;
    let is_group = group_by.is_some_and(|keys| keys.iter().any(|key| key == name));
    let unit = match typed.kind {
        Kind::Text => Unit::Text,
        Kind::Whole | Kind::Number => Unit::Number,
        Kind::Duration => Unit::Duration,
        Kind::Moment => Unit::Moment,
        // It was reported where it stands.
        Kind::Unknown => return None,
        Kind::Bool | Kind::Null | Kind::Attributes(_) => {
            let what = typed.kind.describe();
            let message = format!("the column `{name}` is {what}: no group, no value and no evidence");
            let hint = match typed.kind {
                Kind::Bool => {
                    format!("make a number or a text of it: `CASE WHEN … THEN 1 ELSE 0 END AS {name}`")
                }
                Kind::Null => format!("say what it is: `CAST(NULL AS DOUBLE) AS {name}`"),
                _ => format!("select one of them: `{name}['http.route'] AS route`"),
            };
            checker.problems.push(Problem::new(Code::SqlColumn, at.clone(), message).hint(hint));
            return None;
        }
    };
    if unit != Unit::Text {
        let role = if is_group { Role::Group } else { Role::Value };
        if role == Role::Value && !crate::check::can_be_name(name) {
            let message = format!("`{name}` cannot be the name of a value");
            let hint = "names of values begin with a letter, and have letters, digits and `_`; words of expressions are none";
            checker.problems.push(Problem::new(Code::SqlColumn, at.clone(), message).hint(hint));
            return None;
        }
        return Some((unit, role));
    }
    let role = match (is_group, name) {
        (true, _) => Role::Group,
        (false, TRACE_ID) => Role::Trace,
        (false, SPAN_ID) => Role::Span,
        (false, _) if group_by.is_none() => Role::Group,
        (false, _) => {
            let message = format!("the column `{name}` is a text, and `group_by` does not list it");
            let problem = Problem::new(Code::SqlColumn, at.clone(), message);
            checker.problems.push(problem.hint("list it, or leave it out of the query"));
            return None;
        }
    };
    Some((unit, role))
}
