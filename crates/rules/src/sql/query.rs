//! The query as a whole, its common table expressions and unions, and what it reads from.

use std::ops::Range;
use std::rc::Rc;

use sqlparser::ast::{
    Expr, Ident, JoinConstraint, JoinOperator, LimitClause, ObjectName, ObjectNamePart, OrderBy, OrderByExpr,
    OrderByKind, Query, SetExpr, Spanned, TableAlias, TableFactor, TableWithJoins, With,
};
use sqlparser::tokenizer::Span;

use super::TABLE;
use super::parse::Tokens;
use super::typed::{Kind, Output, SPAN_COLUMNS, Typed};
use crate::diagnostic::{Code, Hint};
use crate::expr::Problem;
use crate::expr::nearest::nearest;
use crate::field::Field;

/// The most `SELECT`s of a query, each counted as often as its rows are read.
const MOST_SELECTS: u32 = 32;

/// The most of what one thing is nested in.
const MOST_DEPTH: u32 = 64;

/// The most queries in expressions, one in another: the planner's work doubles with each.
const MOST_SUBQUERIES: u32 = 6;

/// A table that can be read from.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) columns: Vec<(String, Typed)>,
    /// The number of `SELECT`s that are run to read it once.
    selects: u32,
    /// It was refused, and nobody knows its columns.
    is_unknown: bool,
}

/// The tables that names stand for, in a query and those around it.
#[derive(Clone, Copy, Default)]
pub(super) struct Tables<'t> {
    own: &'t [(String, Rc<Table>)],
    around: Option<&'t Tables<'t>>,
}

/// A table as it is named in a `FROM`.
#[derive(Debug)]
pub(super) struct Relation {
    pub(super) name: Option<String>,
    pub(super) table: Rc<Table>,
}

/// The names that an expression may use.
#[derive(Clone, Copy, Default)]
pub(super) struct Scope<'s> {
    pub(super) relations: &'s [Relation],
    /// Columns that `USING` joined: they are one, wherever they stand.
    pub(super) joined: &'s [String],
    /// The columns of the rows of this `SELECT`, where they may be named.
    pub(super) outputs: &'s [Output],
    pub(super) around: Option<&'s Scope<'s>>,
    pub(super) tables: Tables<'s>,
}

/// A look at a query.
pub(super) struct Checker<'a> {
    pub(super) tokens: &'a Tokens<'a>,
    pub(super) problems: Vec<Problem>,
    pub(super) reads: Vec<Field>,
    /// The part of the text that is looked at, for what has no place of its own.
    pub(super) around: Range<usize>,
    depth: u32,
    /// The queries in expressions that this one is in.
    subqueries: u32,
    /// The number of `SELECT`s that are run for the expressions of the `SELECT` that is looked at.
    selects_of_expressions: u32,
    is_too_much: bool,
}

/// The rows of a query.
pub(super) struct Rows {
    pub(super) outputs: Vec<Output>,
    selects: u32,
}

impl<'a> Checker<'a> {
    pub(super) fn new(tokens: &'a Tokens<'a>) -> Self {
        let text = tokens.text;
        let around = text.len() - text.trim_start().len()..text.trim_end().len();
        Self {
            tokens,
            problems: Vec::new(),
            reads: Vec::new(),
            around,
            depth: 0,
            subqueries: 0,
            selects_of_expressions: 0,
            is_too_much: false,
        }
    }

    /// All of the text.
    pub(super) fn all(&self) -> Range<usize> {
        let text = self.tokens.text;
        text.len() - text.trim_start().len()..text.trim_end().len()
    }

    /// The columns of the rows of the whole query; none where it is too much to be looked at.
    pub(super) fn statement(&mut self, query: &Query) -> Option<Vec<Output>> {
        let rows = self.query(query, Tables::default(), None)?;
        Some(rows.outputs)
    }

    pub(super) fn problem(
        &mut self,
        code: Code,
        at: Range<usize>,
        message: impl Into<String>,
    ) -> &mut Problem {
        self.problems.push_mut(Problem::new(code, at, message))
    }

    /// Refuses something by its name.
    pub(super) fn refuse(&mut self, at: Range<usize>, what: &str, hint: &str) {
        let problem =
            Problem::new(Code::SqlForbidden, at, format!("{what} is not allowed in the query of a rule"));
        self.problems.push(if hint.is_empty() { problem } else { problem.hint(hint) });
    }

    /// Refuses a clause, which begins with a word.
    pub(super) fn refuse_clause(&mut self, there: bool, word: &str) {
        if there {
            let at = self.tokens.word(word, &self.around);
            self.refuse(at, &format!("`{}`", word.to_uppercase()), "");
        }
    }

    /// The place of something; where that is unknown, what it stands in.
    pub(super) fn place(&self, span: Span) -> Range<usize> {
        let at = self.tokens.at(span).map(|at| self.tokens.closed(at));
        at.unwrap_or_else(|| self.around.clone())
    }

    /// The place of a name, without what stands behind it.
    pub(super) fn place_of_name(&self, name: &ObjectName) -> Range<usize> {
        let text = match name.0.as_slice() {
            [ObjectNamePart::Identifier(ident)] => ident.value.to_lowercase(),
            _ => String::new(),
        };
        self.tokens.at(name.span()).unwrap_or_else(|| self.tokens.word(&text, &self.around))
    }

    /// Looks at something within a place, unless it is nested too deep.
    pub(super) fn within<T>(
        &mut self,
        place: Range<usize>,
        look: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        if self.depth >= MOST_DEPTH {
            self.too_much(
                Code::ExprTooDeep,
                place,
                format!("the query is nested more than {MOST_DEPTH} deep"),
            );
            return None;
        }
        self.depth += 1;
        let before = std::mem::replace(&mut self.around, place);
        let found = look(self);
        self.around = before;
        self.depth -= 1;
        found
    }

    /// The rows of a query in an expression, whose names it may use.
    pub(super) fn subquery(&mut self, query: &Query, scope: &Scope<'_>) -> Option<Rows> {
        if self.subqueries >= MOST_SUBQUERIES {
            let message = format!("more than {MOST_SUBQUERIES} queries in expressions, one in another");
            self.too_much(Code::ExprTooDeep, self.place(query.span()), message);
            return None;
        }
        self.subqueries += 1;
        let rows = self.query(query, scope.tables, Some(scope));
        self.subqueries -= 1;
        let selects = rows.as_ref().map_or(0, |rows| rows.selects);
        self.selects_of_expressions = self.selects_of_expressions.saturating_add(selects);
        rows
    }

    /// Looks at a `SELECT`, and counts those that are run for it.
    fn counted(&mut self, look: impl FnOnce(&mut Self) -> Option<(Vec<Output>, u32)>) -> Option<Rows> {
        let around = std::mem::take(&mut self.selects_of_expressions);
        let found = look(self);
        let of_expressions = std::mem::replace(&mut self.selects_of_expressions, around);
        let (outputs, of_tables) = found?;
        let selects = of_tables.saturating_add(of_expressions);
        self.few_enough(selects).then_some(Rows { outputs, selects })
    }

    /// Returns whether so many `SELECT`s may be run.
    fn few_enough(&mut self, selects: u32) -> bool {
        if selects > MOST_SELECTS {
            let message = format!(
                "reading this runs {selects} `SELECT`s, each as often as it is named; a query has at most {MOST_SELECTS}"
            );
            self.too_much(Code::SqlTooMuch, self.around.clone(), message);
        }
        !self.is_too_much
    }

    /// Tells of the first limit that the query is over, and of no other.
    fn too_much(&mut self, code: Code, at: Range<usize>, message: String) {
        if !std::mem::replace(&mut self.is_too_much, true) {
            self.problem(code, at, message);
        }
    }

    fn query(&mut self, query: &Query, tables: Tables<'_>, around: Option<&Scope<'_>>) -> Option<Rows> {
        let place = self.place(query.span());
        self.within(place, |checker| checker.query_here(query, tables, around))
    }

    fn query_here(&mut self, query: &Query, tables: Tables<'_>, around: Option<&Scope<'_>>) -> Option<Rows> {
        let Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        self.refuse_clause(fetch.is_some(), "fetch");
        self.refuse_clause(!locks.is_empty() || for_clause.is_some(), "for");
        self.refuse_clause(settings.is_some(), "settings");
        self.refuse_clause(format_clause.is_some(), "format");
        if !pipe_operators.is_empty() {
            self.refuse(self.around.clone(), "`|>`", "write it as one `SELECT`");
        }
        let own = match with {
            Some(with) => self.common_tables(with, tables, around)?,
            None => Vec::new(),
        };
        let tables = Tables { own: &own, around: Some(&tables) };
        let rows = self.set(body, tables, around, order_by.as_ref())?;
        match limit_clause {
            None => {}
            Some(LimitClause::LimitOffset { limit, offset, limit_by }) => {
                if !limit_by.is_empty() {
                    self.refuse(self.tokens.word("limit", &self.around), "`LIMIT … BY`", "");
                }
                limit
                    .iter()
                    .chain(offset.iter().map(|offset| &offset.value))
                    .for_each(|n| self.whole_number(n));
            }
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => {
                for number in [offset, limit] {
                    self.whole_number(number);
                }
            }
        }
        Some(rows)
    }

    /// `WITH name AS (…)`: each may read those before it.
    fn common_tables(
        &mut self,
        with: &With,
        tables: Tables<'_>,
        around: Option<&Scope<'_>>,
    ) -> Option<Vec<(String, Rc<Table>)>> {
        if with.recursive {
            let at = self.tokens.word("recursive", &self.around);
            self.refuse(at, "`RECURSIVE`", "nothing bounds how long it runs");
            return None;
        }
        let mut own: Vec<(String, Rc<Table>)> = Vec::new();
        for table in &with.cte_tables {
            self.refuse_clause(table.materialized.is_some(), "materialized");
            let rows = self.query(&table.query, Tables { own: &own, around: Some(&tables) }, around)?;
            let (name, table) = self.named(&table.alias, rows);
            own.push((name, Rc::new(table)));
        }
        Some(own)
    }

    /// Rows under a name.
    fn named(&mut self, alias: &TableAlias, rows: Rows) -> (String, Table) {
        let Rows { mut outputs, selects } = rows;
        if !alias.columns.is_empty() {
            if alias.columns.len() != outputs.len() {
                let at = self.place(alias.name.span);
                let message = format!(
                    "`{}` names {} columns, and its rows have {}",
                    alias.name.value,
                    alias.columns.len(),
                    outputs.len()
                );
                self.problem(Code::WrongArguments, at, message);
            }
            for (output, named) in outputs.iter_mut().zip(&alias.columns) {
                output.name = Some(word(&named.name));
            }
        }
        let columns = outputs.into_iter().map(|Output { name, typed, .. }| (name.unwrap_or_default(), typed));
        (word(&alias.name), Table { columns: columns.collect(), selects, is_unknown: false })
    }

    /// `SELECT`, or several of them together.
    fn set(
        &mut self,
        set: &SetExpr,
        tables: Tables<'_>,
        around: Option<&Scope<'_>>,
        order_by: Option<&OrderBy>,
    ) -> Option<Rows> {
        match set {
            SetExpr::Select(select) => {
                let place = self.place(select.span());
                self.within(place, |checker| {
                    checker.counted(|checker| checker.select(select, tables, around, order_by))
                })
            }
            SetExpr::Query(query) => {
                let rows = self.query(query, tables, around)?;
                self.order_of_rows(order_by, &rows, tables, around);
                Some(rows)
            }
            SetExpr::SetOperation { left, right, .. } => {
                let place = self.place(set.span());
                let rows = self.within(place, |checker| {
                    let left = checker.set(left, tables, around, None)?;
                    let right = checker.set(right, tables, around, None)?;
                    Some(checker.together(left, right))
                })?;
                self.order_of_rows(order_by, &rows, tables, around);
                Some(rows)
            }
            SetExpr::Values(_) => {
                let at = self.place(set.span());
                self.refuse(at, "`VALUES`", "a row of constants is a `SELECT` without `FROM`");
                None
            }
            SetExpr::Table(_) => {
                let at = self.place(set.span());
                self.refuse(at, "`TABLE`", "write `SELECT * FROM spans`");
                None
            }
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                self.refuse(self.around.clone(), "a statement that writes", "a rule is one `SELECT`");
                None
            }
        }
    }

    /// The rows of two queries, one after the other.
    fn together(&mut self, left: Rows, right: Rows) -> Rows {
        if left.outputs.len() != right.outputs.len() {
            let message = format!(
                "one side of the union has {} columns, the other {}",
                left.outputs.len(),
                right.outputs.len()
            );
            self.problem(Code::WrongArguments, self.around.clone(), message);
        }
        let selects = left.selects.saturating_add(right.selects);
        let outputs = left.outputs.into_iter().zip(right.outputs).map(|(one, other)| {
            let typed = self.either(&one.at, one.typed, &other.typed);
            Output { typed, ..one }
        });
        Rows { outputs: outputs.collect(), selects }
    }

    /// `ORDER BY` of rows of which only the columns can be named.
    fn order_of_rows(
        &mut self,
        order_by: Option<&OrderBy>,
        rows: &Rows,
        tables: Tables<'_>,
        around: Option<&Scope<'_>>,
    ) {
        let scope = Scope { outputs: &rows.outputs, around, tables, ..Scope::default() };
        if let Some(order_by) = order_by {
            self.order_by(order_by, &scope);
        }
    }

    pub(super) fn order_by(&mut self, order_by: &OrderBy, scope: &Scope<'_>) {
        self.refuse_clause(order_by.interpolate.is_some(), "interpolate");
        match &order_by.kind {
            OrderByKind::All(_) => {
                self.refuse(self.place(order_by.span()), "`ORDER BY ALL`", "name the columns");
            }
            OrderByKind::Expressions(exprs) => exprs.iter().for_each(|expr| self.order(expr, scope)),
        }
    }

    pub(super) fn order(&mut self, order: &OrderByExpr, scope: &Scope<'_>) {
        self.refuse_clause(order.with_fill.is_some(), "fill");
        self.expression(&order.expr, scope);
    }

    /// A bound of `LIMIT` or `OFFSET`.
    fn whole_number(&mut self, expr: &Expr) {
        if !super::expression::is_whole_number(expr) {
            let at = self.place(expr.span());
            self.refuse(at, "anything but a whole number after `LIMIT` and `OFFSET`", "");
        }
    }

    /// The tables of a `FROM`; the columns that `USING` joins; the `SELECT`s that are run to read them.
    pub(super) fn from(
        &mut self,
        from: &[TableWithJoins],
        tables: Tables<'_>,
        around: Option<&Scope<'_>>,
    ) -> Option<(Vec<Relation>, Vec<String>, u32)> {
        let (mut relations, mut joined, mut selects) = (Vec::new(), Vec::new(), 1_u32);
        for TableWithJoins { relation, joins } in from {
            let first = self.relation(relation, tables, around)?;
            selects = selects.saturating_add(first.table.selects);
            relations.push(first);
            for join in joins {
                let next = self.relation(&join.relation, tables, around)?;
                selects = selects.saturating_add(next.table.selects);
                relations.push(next);
                let constraint = self.constraint(&join.join_operator, &join.relation)?;
                match constraint {
                    JoinConstraint::On(expr) => {
                        let scope = Scope {
                            relations: &relations,
                            joined: &joined,
                            around,
                            tables,
                            ..Scope::default()
                        };
                        self.condition(expr, &scope);
                    }
                    JoinConstraint::Using(columns) => joined.extend(columns.iter().filter_map(single)),
                    JoinConstraint::Natural => {
                        let at = self.tokens.word("natural", &self.around);
                        self.refuse(at, "`NATURAL`", "say what is equal: `ON a.trace_id = b.trace_id`");
                    }
                    JoinConstraint::None => {}
                }
            }
        }
        self.few_enough(selects).then_some((relations, joined, selects))
    }

    fn constraint<'j>(
        &mut self,
        operator: &'j JoinOperator,
        relation: &TableFactor,
    ) -> Option<&'j JoinConstraint> {
        match operator {
            JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::Left(constraint)
            | JoinOperator::LeftOuter(constraint)
            | JoinOperator::Right(constraint)
            | JoinOperator::RightOuter(constraint)
            | JoinOperator::FullOuter(constraint)
            | JoinOperator::CrossJoin(constraint) => Some(constraint),
            _ => {
                let at = self.place(relation.span());
                self.refuse(
                    at,
                    "this kind of join",
                    "write `JOIN`, `LEFT JOIN`, `RIGHT JOIN` or `FULL JOIN`",
                );
                None
            }
        }
    }

    fn relation(
        &mut self,
        factor: &TableFactor,
        tables: Tables<'_>,
        around: Option<&Scope<'_>>,
    ) -> Option<Relation> {
        let place = self.place(factor.span());
        let refused = || Some(Relation { name: name_of(factor), table: Rc::new(Table::unknown()) });
        match factor {
            TableFactor::Table {
                name,
                alias,
                args: None,
                with_hints,
                version: None,
                with_ordinality: false,
                partitions,
                json_path: None,
                sample: None,
                index_hints,
            } if with_hints.is_empty() && partitions.is_empty() && index_hints.is_empty() => {
                Some(self.table(name, alias.as_ref(), tables))
            }
            TableFactor::Derived { lateral: false, subquery, alias, sample: None } => {
                let rows = self.query(subquery, tables, around)?;
                let alias = alias.clone().unwrap_or_else(|| TableAlias {
                    explicit: false,
                    name: Ident::new(""),
                    columns: Vec::new(),
                    at: None,
                });
                let (name, table) = self.named(&alias, rows);
                let name = (!name.is_empty()).then_some(name);
                Some(Relation { name, table: Rc::new(table) })
            }
            TableFactor::Table { args: Some(_), .. }
            | TableFactor::TableFunction { .. }
            | TableFactor::Function { .. }
            | TableFactor::UNNEST { .. } => {
                self.refuse(place, "a function as a table", "the one table is `spans`");
                refused()
            }
            TableFactor::Derived { lateral: true, .. } => {
                self.refuse(place, "`LATERAL`", "join with `ON`");
                refused()
            }
            TableFactor::NestedJoin { .. } => {
                self.refuse(
                    place,
                    "a join in parentheses",
                    "write the joins one after the other, or a subquery",
                );
                refused()
            }
            _ => {
                self.refuse(place, "this way to read a table", "write `FROM spans`");
                refused()
            }
        }
    }

    fn table(&mut self, name: &ObjectName, alias: Option<&TableAlias>, tables: Tables<'_>) -> Relation {
        let at = self.place_of_name(name);
        let Some(word) = single(name) else {
            let message = format!("there is no table `{name}`: a query reads `{TABLE}` alone");
            self.problem(Code::SqlForbidden, at, message);
            let name = alias.map(|alias| self::word(&alias.name));
            return Relation { name, table: Rc::new(Table::unknown()) };
        };
        let found = tables.find(&word);
        let table = match found {
            Some(table) => table,
            None if word == TABLE => Rc::new(Table::spans()),
            None => {
                let near = nearest(&word, tables.names().chain([TABLE])).map(str::to_owned);
                let message = format!("there is no table `{name}`: a query reads `{TABLE}` alone");
                let problem = Problem::new(Code::SqlForbidden, at, message);
                self.problems.push(match near {
                    Some(near) => problem.hint(Hint::did_you_mean(&near)),
                    None => problem,
                });
                Rc::new(Table::unknown())
            }
        };
        let Some(alias) = alias else { return Relation { name: Some(word), table } };
        if !alias.columns.is_empty() {
            self.refuse(self.place(alias.name.span), "a table whose columns are named anew", "");
        }
        Relation { name: Some(self::word(&alias.name)), table }
    }
}

impl<'t> Tables<'t> {
    /// The innermost, and the latest, of a name.
    fn find(&self, name: &str) -> Option<Rc<Table>> {
        let own = self.own.iter().rev().find(|(known, _)| known == name);
        own.map(|(_, table)| Rc::clone(table)).or_else(|| self.around.and_then(|around| around.find(name)))
    }

    fn names(&self) -> impl Iterator<Item = &'t str> {
        let mut at: Option<Self> = Some(*self);
        std::iter::from_fn(move || {
            let tables = at?;
            at = tables.around.copied();
            Some(tables.own)
        })
        .flatten()
        .map(|(name, _)| name.as_str())
    }
}

impl Table {
    fn spans() -> Self {
        let columns = SPAN_COLUMNS.iter().map(|column| (column.name.to_owned(), column.typed()));
        Self { columns: columns.collect(), selects: 0, is_unknown: false }
    }

    /// One that was refused: what else is wrong is told all the same.
    fn unknown() -> Self {
        Self { columns: Vec::new(), selects: 0, is_unknown: true }
    }

    /// The type of a column; none where it is not there.
    pub(super) fn column(&self, name: &str) -> Option<Typed> {
        let found = self.columns.iter().find(|(known, _)| known == name).map(|(_, typed)| typed.clone());
        found.or_else(|| self.is_unknown.then(Typed::unknown))
    }
}

/// The name that is given to what is read.
fn name_of(factor: &TableFactor) -> Option<String> {
    match factor {
        TableFactor::Table { alias, .. }
        | TableFactor::Derived { alias, .. }
        | TableFactor::TableFunction { alias, .. }
        | TableFactor::Function { alias, .. }
        | TableFactor::UNNEST { alias, .. }
        | TableFactor::NestedJoin { alias, .. } => alias.as_ref().map(|alias| word(&alias.name)),
        _ => None,
    }
}

/// A name as it is compared: in lower case where it stands without quotes.
pub(super) fn word(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// A name of one part.
pub(super) fn single(name: &ObjectName) -> Option<String> {
    match name.0.as_slice() {
        [ObjectNamePart::Identifier(ident)] => Some(word(ident)),
        _ => None,
    }
}

/// A condition must be true or false.
pub(super) fn is_condition(kind: Kind) -> bool {
    kind == Kind::Bool || kind.is_open()
}
