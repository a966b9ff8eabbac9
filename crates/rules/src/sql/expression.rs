//! Expressions of a query: what is allowed in them, and of which type they are.

use std::ops::Range;

use sqlparser::ast::{
    AccessExpr, BinaryOperator, CastKind, CeilFloorKind, DataType, DateTimeField, DuplicateTreatment, Expr,
    Function as Call, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, Ident, Spanned,
    Subscript, TimezoneInfo, UnaryOperator, Value, ValueWithSpan, WindowSpec, WindowType,
};

use super::functions::{Class, FUNCTIONS, Function, Gives as Of, function_called};
use super::query::{Checker, Scope, is_condition, single, word};
use super::typed::{Kind, Typed};
use super::{WINDOW_END, WINDOW_START};
use crate::diagnostic::Code;
use crate::expr::nearest::nearest;
use crate::expr::{Problem, compile_pattern};
use crate::field::Field;

/// The most texts of spans that a text is put together of.
const MOST_TEXTS: u32 = 1_024;

/// The most bytes that what a pattern matches is replaced by.
const MOST_REPLACEMENT: usize = 8;

/// Returns whether an expression is a whole number as it stands.
pub(super) fn is_whole_number(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(ValueWithSpan { value: Value::Number(number, _), .. }) if number.parse::<u64>().is_ok())
}

/// The text that an expression is as it stands.
fn literal(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) => Some(text),
        Expr::Nested(inner) => literal(inner),
        _ => None,
    }
}

impl Checker<'_> {
    /// An expression that must be true or false.
    pub(super) fn condition(&mut self, expr: &Expr, scope: &Scope<'_>) {
        let kind = self.expression(expr, scope).kind;
        if !is_condition(kind) {
            let at = self.place(expr.span());
            let message = format!("this must be true or false, and is {}", kind.describe());
            self.problem(Code::TypeMismatch, at, message);
        }
    }

    /// The type of an expression.
    pub(super) fn expression(&mut self, expr: &Expr, scope: &Scope<'_>) -> Typed {
        let place = self.place(expr.span());
        self.within(place, |checker| Some(checker.expression_here(expr, scope))).unwrap_or_else(Typed::unknown)
    }

    fn expression_here(&mut self, expr: &Expr, scope: &Scope<'_>) -> Typed {
        let at = self.around.clone();
        match expr {
            Expr::Identifier(name) => self.column(None, name, scope),
            Expr::CompoundIdentifier(names) => match names.as_slice() {
                [table, name] => self.column(Some(table), name, scope),
                _ => self.refused(at, "a name of more than two parts", "write `table.column`"),
            },
            Expr::CompoundFieldAccess { root, access_chain } => self.access(root, access_chain, scope),
            Expr::Nested(inner) => self.expression(inner, scope),
            Expr::Value(value) => self.value(&value.value),
            Expr::TypedString(typed) => match self.cast_to(&typed.data_type) {
                Some(kind @ (Kind::Moment | Kind::Duration)) => Typed::of(kind),
                _ => self.refused(at, "this kind of constant", "write `TIMESTAMP '2026-11-28T10:00:00Z'`"),
            },
            Expr::Interval(interval) if literal(&interval.value).is_some() => Typed::of(Kind::Duration),
            Expr::IsFalse(of)
            | Expr::IsNotFalse(of)
            | Expr::IsTrue(of)
            | Expr::IsNotTrue(of)
            | Expr::IsUnknown(of)
            | Expr::IsNotUnknown(of) => {
                self.condition(of, scope);
                Typed::of(Kind::Bool)
            }
            Expr::IsNull(of) | Expr::IsNotNull(of) => self.expression(of, scope).with(Kind::Bool),
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                let (left, right) = (self.expression(left, scope), self.expression(right, scope));
                self.compared(&at, left, right)
            }
            Expr::Between { expr, low, high, .. } => {
                let of = self.expression(expr, scope);
                let (low, high) = (self.expression(low, scope), self.expression(high, scope));
                let of = self.compared(&at, of.clone(), low).with(of.kind);
                self.compared(&at, of, high)
            }
            Expr::InList { expr, list, .. } => {
                let mut of = self.expression(expr, scope);
                let kind = of.kind;
                for item in list {
                    let item = self.expression(item, scope);
                    of = self.compared(&at, of.with(kind), item);
                }
                of.with(Kind::Bool)
            }
            Expr::InSubquery { expr, subquery, .. } => {
                let of = self.expression(expr, scope);
                match self.one_column(subquery, scope) {
                    Some(column) => self.compared(&at, of, column),
                    None => Typed::unknown(),
                }
            }
            Expr::Subquery(query) => self.one_column(query, scope).unwrap_or_else(Typed::unknown),
            Expr::Exists { subquery, .. } => {
                self.subquery(subquery, scope);
                Typed::of(Kind::Bool)
            }
            Expr::Like { any: false, expr, pattern, .. } | Expr::ILike { any: false, expr, pattern, .. } => {
                let (of, pattern) = (self.text(expr, scope), self.text(pattern, scope));
                of.reading(&pattern).with(Kind::Bool)
            }
            Expr::BinaryOp { .. } => self.operations(expr, scope),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => {
                self.condition(expr, scope);
                Typed::of(Kind::Bool)
            }
            Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr } => {
                let of = self.expression(expr, scope);
                if !(of.kind.is_number() || of.kind == Kind::Duration || of.kind.is_open()) {
                    let message = format!("a sign stands before numbers, and this is {}", of.kind.describe());
                    self.problem(Code::TypeMismatch, at, message);
                }
                of
            }
            Expr::Cast { kind, expr, data_type, array: false, format: None } => {
                self.cast(kind, expr, data_type, scope)
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                let operand = operand.as_ref().map(|operand| self.expression(operand, scope));
                let mut of = Typed::of(Kind::Null);
                for case in conditions {
                    match &operand {
                        Some(operand) => {
                            let when = self.expression(&case.condition, scope);
                            of = of.reading(&self.compared(&at, operand.clone(), when));
                        }
                        None => self.condition(&case.condition, scope),
                    }
                    let result = self.expression(&case.result, scope);
                    of = self.either(&at, of, result);
                }
                match else_result {
                    Some(result) => {
                        let result = self.expression(result, scope);
                        self.either(&at, of, result)
                    }
                    None => of,
                }
            }
            Expr::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) }
            | Expr::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.number(expr, scope).with(Kind::Number)
            }
            Expr::Position { expr, r#in } => {
                let (of, within) = (self.text(expr, scope), self.text(r#in, scope));
                of.reading(&within).with(Kind::Whole)
            }
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                let of = self.text(expr, scope);
                substring_from.iter().chain(substring_for).for_each(|part| drop(self.number(part, scope)));
                of
            }
            Expr::Trim { trim_what, expr, trim_characters, .. } => {
                trim_what.iter().for_each(|what| drop(self.text(what, scope)));
                trim_characters.iter().flatten().for_each(|what| drop(self.text(what, scope)));
                self.text(expr, scope)
            }
            Expr::Extract { .. } => {
                self.refused(at, "`EXTRACT`", "subtract moments: `end_time - start_time` is a duration")
            }
            Expr::Function(call) => self.call(call, scope),
            _ => self.refused(at, "this kind of expression", ""),
        }
    }

    fn refused(&mut self, at: Range<usize>, what: &str, hint: &str) -> Typed {
        self.refuse(at, what, hint);
        Typed::unknown()
    }

    /// A column of a table, the innermost first.
    fn column(&mut self, table: Option<&Ident>, name: &Ident, scope: &Scope<'_>) -> Typed {
        let (table, column) = (table.map(word), word(name));
        let mut at = Some(scope);
        while let Some(scope) = at {
            let is_meant = |of: &Option<String>| table.is_none() || *of == table;
            let mut found = scope
                .relations
                .iter()
                .filter(|relation| is_meant(&relation.name))
                .filter_map(|relation| relation.table.column(&column));
            if let Some(typed) = found.next() {
                if typed.kind == Kind::Unknown {
                    return typed;
                }
                if found.next().is_some_and(|other| other.kind != Kind::Unknown) && !scope.joined.contains(&column) {
                    let place = self.place(name.span);
                    let message = format!("`{column}` may be of more than one table");
                    let problem = Problem::new(Code::UnknownName, place, message);
                    self.problems.push(problem.hint(format!("say of which: `a.{column}`")));
                }
                for field in &typed.reads {
                    self.reads(field);
                }
                return typed;
            }
            let of_rows = scope.outputs.iter().find(|output| output.name.as_ref() == Some(&column));
            if let Some(output) = of_rows.filter(|_| table.is_none()) {
                return output.typed.clone();
            }
            at = scope.around;
        }
        let place = self.place(name.span);
        let named = table.map(|table| format!("{table}.")).unwrap_or_default();
        let message = format!("unknown column `{named}{column}`");
        let hint = if name.quote_style == Some('"') && table_is_open(&named) {
            "a text stands in single quotes: 'error'".to_owned()
        } else {
            let names = scope.relations.iter().flat_map(|relation| &relation.table.columns);
            match nearest(&column, names.map(|(name, _)| name.as_str())) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("an attribute is written `attributes['{column}']`"),
            }
        };
        self.problems.push(Problem::new(Code::UnknownName, place, message).hint(hint));
        Typed::unknown()
    }

    fn reads(&mut self, field: &Field) {
        if !self.reads.contains(field) {
            self.reads.push(field.clone());
        }
    }

    /// `attributes['http.route']`.
    fn access(&mut self, root: &Expr, chain: &[AccessExpr], scope: &Scope<'_>) -> Typed {
        let at = self.around.clone();
        let (root, chain) = match (root, chain) {
            // `s.attributes['http.route']`
            (Expr::Identifier(table), [AccessExpr::Dot(Expr::Identifier(name)), rest @ ..]) => {
                (self.column(Some(table), name, scope), rest)
            }
            _ => (self.expression(root, scope), chain),
        };
        let of = match root.kind {
            Kind::Attributes(of) => of,
            Kind::Unknown => return Typed::unknown(),
            _ => return self.refused(at, "`[…]` of anything but attributes", ""),
        };
        let [AccessExpr::Subscript(Subscript::Index { index })] = chain else {
            return self.refused(at, "anything but one key in `[…]`", "write `attributes['http.route']`");
        };
        let Some(key) = literal(index) else {
            let at = self.place(index.span());
            return self.refused(at, "a key that is not written out", "write `attributes['http.route']`");
        };
        let field = Field::attribute(of, key);
        self.reads(&field);
        Typed { reads: vec![field], ..Typed::of(Kind::Text) }
    }

    fn value(&mut self, value: &Value) -> Typed {
        let at = self.around.clone();
        match value {
            Value::Number(number, _) if number.parse::<i64>().is_ok() => Typed::of(Kind::Whole),
            Value::Number(..) => Typed::of(Kind::Number),
            Value::SingleQuotedString(_) => Typed::of(Kind::Text),
            Value::Boolean(_) => Typed::of(Kind::Bool),
            Value::Null => Typed::of(Kind::Null),
            Value::Placeholder(name) if matches!(name.as_str(), WINDOW_START | WINDOW_END) => {
                Typed::of(Kind::Moment)
            }
            Value::Placeholder(name) => {
                let message = format!("unknown placeholder `{name}`");
                let near = nearest(name, [WINDOW_START, WINDOW_END]);
                let hint = match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are `{WINDOW_START}` and `{WINDOW_END}`"),
                };
                self.problems.push(Problem::new(Code::UnknownName, at, message).hint(hint));
                Typed::unknown()
            }
            _ => self.refused(at, "this way to write a constant", "write texts as 'text'"),
        }
    }

    fn text(&mut self, expr: &Expr, scope: &Scope<'_>) -> Typed {
        self.of_kind(expr, scope, "text", |kind| kind == Kind::Text)
    }

    fn number(&mut self, expr: &Expr, scope: &Scope<'_>) -> Typed {
        self.of_kind(expr, scope, "a number", Kind::is_number)
    }

    fn of_kind(
        &mut self,
        expr: &Expr,
        scope: &Scope<'_>,
        what: &str,
        is_right: impl Fn(Kind) -> bool,
    ) -> Typed {
        let typed = self.expression(expr, scope);
        if !typed.kind.is_open() && !is_right(typed.kind) {
            let at = self.place(expr.span());
            let message = format!("this must be {what}, and is {}", typed.kind.describe());
            self.problem(Code::TypeMismatch, at, message);
        }
        typed
    }

    /// One value or another.
    pub(super) fn either(&mut self, at: &Range<usize>, one: Typed, other: Typed) -> Typed {
        let texts = one.texts.max(other.texts);
        let kind = one.kind.or(other.kind).unwrap_or_else(|| {
            let (left, right) = (one.kind.describe(), other.kind.describe());
            let message = format!("these go together as one: {left}, {right}");
            let problem = Problem::new(Code::TypeMismatch, at.clone(), message);
            self.problems.push(problem.hint("make one of the other: `CAST(… AS VARCHAR)`"));
            Kind::Unknown
        });
        Typed { kind, texts, ..one.reading(&other) }
    }

    fn compared(&mut self, at: &Range<usize>, left: Typed, right: Typed) -> Typed {
        if left.kind.or(right.kind).is_none() || matches!(left.kind, Kind::Attributes(_)) {
            let message =
                format!("{} and {} cannot be compared", left.kind.describe(), right.kind.describe());
            let problem = Problem::new(Code::TypeMismatch, at.clone(), message);
            let is_text = [left.kind, right.kind].contains(&Kind::Text);
            let is_number = left.kind.is_number() || right.kind.is_number();
            let is_duration = [left.kind, right.kind].contains(&Kind::Duration);
            self.problems.push(if is_text && is_number {
                problem.hint("make a number of the text: `TRY_CAST(attributes['amount'] AS DOUBLE)`")
            } else if is_duration && is_number {
                problem.hint("write a duration as `INTERVAL '500 milliseconds'`, or compare `duration_ns`")
            } else {
                problem
            });
        }
        left.reading(&right).with(Kind::Bool)
    }

    /// A chain of operators: from the left, so that a long one is not deep.
    fn operations(&mut self, expr: &Expr, scope: &Scope<'_>) -> Typed {
        let (mut first, mut chain) = (expr, Vec::new());
        while let Expr::BinaryOp { left, op, right } = first {
            chain.push((first, op, right));
            first = left;
        }
        let mut left = self.expression(first, scope);
        let mut left_expr = first;
        for (whole, op, right) in chain.into_iter().rev() {
            let at = self.place(whole.span());
            let typed = self.expression(right, scope);
            left = self.operation(&at, op, (left_expr, left), (right, typed));
            left_expr = whole;
        }
        left
    }

    fn operation(
        &mut self,
        at: &Range<usize>,
        op: &BinaryOperator,
        (left_expr, left): (&Expr, Typed),
        (right_expr, right): (&Expr, Typed),
    ) -> Typed {
        use BinaryOperator as Op;
        match op {
            Op::And | Op::Or => {
                for (expr, kind) in [(left_expr, left.kind), (right_expr, right.kind)] {
                    if !is_condition(kind) {
                        let at = self.place(expr.span());
                        let message = format!("this must be true or false, and is {}", kind.describe());
                        self.problem(Code::TypeMismatch, at, message);
                    }
                }
                left.reading(&right).with(Kind::Bool)
            }
            Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq => self.compared(at, left, right),
            Op::Plus | Op::Minus | Op::Multiply | Op::Divide | Op::Modulo => {
                self.arithmetic(at, op, left, right)
            }
            Op::StringConcat => self.joined(at, [left, right]),
            Op::PGRegexMatch | Op::PGRegexIMatch | Op::PGRegexNotMatch | Op::PGRegexNotIMatch => {
                self.pattern(right_expr);
                if left.kind != Kind::Text && !left.kind.is_open() {
                    let message = format!("a pattern is of texts, and this is {}", left.kind.describe());
                    self.problem(Code::TypeMismatch, at.clone(), message);
                }
                left.with(Kind::Bool)
            }
            _ => self.refused(at.clone(), &format!("the operator `{op}`"), ""),
        }
    }

    fn arithmetic(&mut self, at: &Range<usize>, op: &BinaryOperator, left: Typed, right: Typed) -> Typed {
        use BinaryOperator as Op;
        let kind = match (left.kind, op, right.kind) {
            (Kind::Unknown, ..) | (.., Kind::Unknown) => Kind::Unknown,
            (Kind::Whole, Op::Divide, Kind::Whole) => {
                let message = "both are whole numbers, and the quotient is cut off to one: 1 / 2 is 0";
                let problem = Problem::new(Code::WholeQuotient, at.clone(), message);
                self.problems.push(problem.hint("multiply by 1.0 first: `1.0 * failed / total`"));
                Kind::Whole
            }
            (one, _, Kind::Null) | (Kind::Null, _, one) => one,
            (Kind::Whole, _, Kind::Whole) => Kind::Whole,
            (one, _, other) if one.is_number() && other.is_number() => Kind::Number,
            (Kind::Moment, Op::Minus, Kind::Moment) => Kind::Duration,
            (Kind::Moment, Op::Plus | Op::Minus, Kind::Duration) | (Kind::Duration, Op::Plus, Kind::Moment) => {
                Kind::Moment
            }
            (Kind::Duration, Op::Plus | Op::Minus, Kind::Duration) => Kind::Duration,
            (one, _, other) => {
                let message = format!("`{op}` does not go with {} and {}", one.describe(), other.describe());
                let problem = Problem::new(Code::TypeMismatch, at.clone(), message);
                self.problems.push(if one == Kind::Text || other == Kind::Text {
                    problem.hint("make a number of a text: `TRY_CAST(attributes['amount'] AS DOUBLE)`")
                } else if one == Kind::Duration || other == Kind::Duration {
                    problem.hint("calculate with `duration_ns`, and make a duration of it: `nanoseconds(…)`")
                } else {
                    problem
                });
                Kind::Unknown
            }
        };
        left.reading(&right).with(kind)
    }

    /// Texts one after the other.
    fn joined(&mut self, at: &Range<usize>, parts: impl IntoIterator<Item = Typed>) -> Typed {
        let mut all = Typed { texts: 0, ..Typed::of(Kind::Text) };
        for part in parts {
            if matches!(part.kind, Kind::Attributes(_)) {
                self.problem(Code::TypeMismatch, at.clone(), "all attributes together are no text");
            }
            all.texts = all.texts.saturating_add(part.texts);
            all = all.reading(&part);
        }
        self.grown(at, all)
    }

    /// A text that was put together of others.
    fn grown(&mut self, at: &Range<usize>, text: Typed) -> Typed {
        if text.texts <= MOST_TEXTS {
            return text;
        }
        let message =
            format!("this text is put together of {} others, each as often as it stands in it", text.texts);
        let problem = Problem::new(Code::SqlTooMuch, at.clone(), message);
        self.problems.push(problem.hint(format!("a text is put together of at most {MOST_TEXTS}")));
        Typed { texts: 1, ..text }
    }

    /// A regular expression, written out.
    fn pattern(&mut self, expr: &Expr) {
        let at = self.place(expr.span());
        match literal(expr) {
            None => self.refuse(at, "a pattern that is not written out", "write it as '^GET '"),
            Some(pattern) => {
                if let Err(error) = compile_pattern(pattern) {
                    let message = format!("the pattern does not parse: {}", one_line(&error.to_string()));
                    self.problem(Code::BadPattern, at, message);
                }
            }
        }
    }

    /// The type of a cast; none where it is refused.
    fn cast_to(&mut self, data_type: &DataType) -> Option<Kind> {
        Some(match data_type {
            DataType::Char(None)
            | DataType::Varchar(None)
            | DataType::Text
            | DataType::String(None) => Kind::Text,
            DataType::Boolean | DataType::Bool => Kind::Bool,
            DataType::Int(None) | DataType::Integer(None) | DataType::BigInt(None) => Kind::Whole,
            DataType::Double(_) | DataType::DoublePrecision | DataType::Float(_) | DataType::Real => Kind::Number,
            DataType::Timestamp(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => Kind::Moment,
            DataType::Interval { fields: None, precision: None } => Kind::Duration,
            _ => return None,
        })
    }

    fn cast(&mut self, how: &CastKind, expr: &Expr, data_type: &DataType, scope: &Scope<'_>) -> Typed {
        let at = self.around.clone();
        let of = self.expression(expr, scope);
        let Some(kind) = self.cast_to(data_type) else {
            return self.refused(
                at,
                &format!("a cast to `{data_type}`"),
                "cast to VARCHAR, BIGINT, DOUBLE, BOOLEAN or TIMESTAMP",
            );
        };
        let fails = matches!(how, CastKind::Cast | CastKind::DoubleColon);
        if of.kind == Kind::Text && kind != Kind::Text && fails && literal(expr).is_none() {
            let message = "a text that is none would end the query, and with it the judging of the rule";
            let problem = Problem::new(Code::SqlForbidden, at, message);
            self.problems.push(problem.hint(format!("where it is none, have NULL: `TRY_CAST(… AS {data_type})`")));
        }
        of.with(kind)
    }

    fn one_column(&mut self, query: &sqlparser::ast::Query, scope: &Scope<'_>) -> Option<Typed> {
        let rows = self.subquery(query, scope)?;
        let at = self.place(query.span());
        let number = rows.outputs.len();
        if number != 1 {
            self.problem(Code::WrongArguments, at, format!("a subquery in an expression has one column, not {number}"));
        }
        rows.outputs.into_iter().next().map(|output| output.typed)
    }

    fn call(&mut self, call: &Call, scope: &Scope<'_>) -> Typed {
        let at = self.around.clone();
        let name_at = self.place_of_name(&call.name);
        let Some(function) = self.function(call, &name_at) else {
            // What is wrong in its arguments is told, too.
            self.arguments(call, scope);
            return Typed::unknown();
        };
        let FunctionArguments::List(list) = &call.args else {
            self.refuse(at, "a function without parentheses", "");
            return Typed::unknown();
        };
        let plain = matches!(call.parameters, FunctionArguments::None) && !call.uses_odbc_syntax;
        if !plain {
            self.refuse(at.clone(), "this way to call a function", "");
        }
        let is_of_rows = function.class != Class::Scalar;
        if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) && !is_of_rows {
            self.refuse(name_at.clone(), "`DISTINCT` in a function of one row", "");
        }
        for clause in &list.clauses {
            match clause {
                FunctionArgumentClause::OrderBy(orders) if is_of_rows => {
                    orders.iter().for_each(|order| self.order(order, scope));
                }
                FunctionArgumentClause::IgnoreOrRespectNulls(_) if is_of_rows => {}
                _ => self.refuse(name_at.clone(), "this clause of a function", ""),
            }
        }
        let mut arguments = self.arguments(call, scope);
        if let Some(filter) = &call.filter {
            self.condition(filter, scope);
        }
        for order in &call.within_group {
            self.order(order, scope);
            // `percentile_cont(0.99) WITHIN GROUP (ORDER BY x)`
            arguments.insert(0, self.expression(&order.expr, scope));
        }
        match &call.over {
            None if function.class == Class::Window => {
                self.refuse(name_at.clone(), &format!("`{}` without `OVER`", function.name), "");
            }
            None => {}
            Some(_) if matches!(function.class, Class::Scalar | Class::Aggregate) => {
                let hint = "count, sum, avg, min, max, stddev, first_value, lag and row_number can be";
                self.refuse(name_at.clone(), &format!("`{}` with `OVER`", function.name), hint);
            }
            Some(WindowType::WindowSpec(spec)) => self.over(spec, scope),
            Some(WindowType::NamedWindow(_)) => self.refuse(at.clone(), "a named window", "write `OVER (…)`"),
        }
        self.result(function, &at, call, arguments)
    }

    /// The function that is called; none, reported, where it is not allowed.
    fn function(&mut self, call: &Call, at: &Range<usize>) -> Option<&'static Function> {
        let name = single(&call.name);
        if let Some(function) = name.as_deref().and_then(function_called) {
            return Some(function);
        }
        let message = format!("`{}` is no function that a rule's query may call", call.name);
        let near = name.as_deref().and_then(|name| nearest(name, FUNCTIONS.iter().map(|known| known.name)));
        let problem = Problem::new(Code::UnknownFunction, at.clone(), message);
        let is_clock = matches!(
            name.as_deref(),
            Some("now" | "current_timestamp" | "current_date" | "current_time" | "today" | "localtimestamp")
        );
        self.problems.push(match (is_clock, near) {
            (true, _) => problem.hint(format!("the moment that is judged is `{WINDOW_END}`")),
            (false, Some(near)) => problem.hint(format!("did you mean `{near}`?")),
            (false, None) => problem.hint("a function that reads only what it is given is in the manual's list"),
        });
        None
    }

    fn arguments(&mut self, call: &Call, scope: &Scope<'_>) -> Vec<Typed> {
        let FunctionArguments::List(list) = &call.args else { return Vec::new() };
        let mut arguments = Vec::new();
        for argument in &list.args {
            arguments.push(match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => self.expression(expr, scope),
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if single(&call.name).as_deref() == Some("count") => {
                    Typed::of(Kind::Whole)
                }
                _ => {
                    let at = self.around.clone();
                    self.refused(at, "this kind of argument", "")
                }
            });
        }
        arguments
    }

    fn over(&mut self, spec: &WindowSpec, scope: &Scope<'_>) {
        if spec.window_name.is_some() {
            self.refuse(self.around.clone(), "a named window", "write `OVER (…)`");
        }
        spec.partition_by.iter().for_each(|expr| drop(self.expression(expr, scope)));
        spec.order_by.iter().for_each(|order| self.order(order, scope));
        // The bounds of its frame are constants, or the planner refuses it.
    }

    /// The type of what a function gives.
    fn result(&mut self, function: &Function, at: &Range<usize>, call: &Call, arguments: Vec<Typed>) -> Typed {
        let mut all = Typed { texts: 1, ..Typed::of(Kind::Null) };
        for argument in &arguments {
            all = all.reading(argument);
        }
        let first = arguments.first().map_or(Kind::Null, |argument| argument.kind);
        if first == Kind::Text && matches!(function.name, "sum" | "avg" | "median" | "stddev" | "percentile_cont") {
            let message = format!("`{}` is of numbers, and this is text", function.name);
            let problem = Problem::new(Code::TypeMismatch, at.clone(), message);
            self.problems.push(problem.hint("make a number of it: `TRY_CAST(attributes['amount'] AS DOUBLE)`"));
            return all.with(Kind::Unknown);
        }
        let of_numbers = matches!(
            function.name,
            "approx_median" | "approx_percentile_cont" | "median" | "percentile_cont" | "stddev" | "stddev_pop" | "stddev_samp"
        );
        if of_numbers && matches!(first, Kind::Duration | Kind::Moment) {
            let message = format!("`{}` is of numbers, and this is {}", function.name, first.describe());
            let problem = Problem::new(Code::TypeMismatch, at.clone(), message);
            self.problems.push(problem.hint(format!("make a duration of what comes out: `nanoseconds({}(duration_ns))`", function.name)));
            return all.with(Kind::Unknown);
        }
        if matches!(first, Kind::Attributes(_)) && function.name != "count" {
            self.problem(Code::TypeMismatch, at.clone(), "all attributes together cannot be an argument");
            return all.with(Kind::Unknown);
        }
        let largest = arguments.iter().map(|argument| argument.texts).max().unwrap_or(1);
        if function.name.starts_with("regexp_")
            && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(pattern))) = argument(call, 1)
        {
            self.pattern(pattern);
            let matches_nothing = literal(pattern).and_then(|text| compile_pattern(text).ok());
            if function.result == Of::Replaced && matches_nothing.is_some_and(|pattern| pattern.is_match("")) {
                let at = self.place(pattern.span());
                self.refuse(at, "a replaced pattern that matches the empty text", "");
            }
        }
        match function.result {
            Of::Text => Typed { texts: largest, ..all.with(Kind::Text) },
            Of::Whole => all.with(Kind::Whole),
            Of::Number => all.with(Kind::Number),
            Of::Duration => all.with(Kind::Duration),
            Of::Bool => all.with(Kind::Bool),
            Of::First => Typed { texts: largest, ..all.with(first) },
            Of::Mean => all.with(if first == Kind::Whole { Kind::Number } else { first }),
            Of::All => self.any_of(at, arguments),
            Of::Later => self.any_of(at, arguments.into_iter().skip(1).collect()),
            Of::Joined => {
                // Between all of them stands the separator.
                let times = if function.name == "concat_ws" { 2 } else { 1 };
                let parts = arguments.into_iter().map(|part| Typed { texts: part.texts.saturating_mul(times), ..part });
                self.joined(at, parts)
            }
            Of::Replaced => {
                let by = argument(call, 2).and_then(|argument| match argument {
                    FunctionArg::Unnamed(FunctionArgExpr::Expr(by)) => literal(by),
                    _ => None,
                });
                if by.is_none_or(|by| by.len() > MOST_REPLACEMENT) {
                    let what = "a replacement that is not written out, or is long";
                    self.refuse(at.clone(), what, &format!("write a text of at most {MOST_REPLACEMENT} bytes"));
                }
                // Each byte may become one replacement.
                let texts = largest.saturating_mul(8);
                self.grown(at, Typed { texts, ..all.with(Kind::Text) })
            }
        }
    }

    /// The type of any of some arguments.
    fn any_of(&mut self, at: &Range<usize>, arguments: Vec<Typed>) -> Typed {
        let start = Typed::of(Kind::Null);
        arguments.into_iter().fold(start, |all, argument| self.either(at, all, argument))
    }
}

fn argument(call: &Call, at: usize) -> Option<&FunctionArg> {
    match &call.args {
        FunctionArguments::List(list) => list.args.get(at),
        _ => None,
    }
}

fn table_is_open(named: &str) -> bool {
    named.is_empty()
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}
