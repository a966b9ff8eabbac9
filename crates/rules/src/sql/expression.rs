//! Expressions of a query: what is allowed in them, and of which type they are.

use std::ops::Range;

use sqlparser::ast::{
    AccessExpr, BinaryOperator, CastKind, CeilFloorKind, DataType, DateTimeField, Expr, Ident, Spanned,
    Subscript, TimezoneInfo, UnaryOperator, Value, ValueWithSpan,
};

use super::query::{Checker, Scope, is_condition, word};
use super::typed::{Kind, Typed};
use super::{WINDOW_END, WINDOW_START};
use crate::diagnostic::{Code, Hint};
use crate::expr::nearest::nearest;
use crate::expr::{Problem, compile_pattern};
use crate::field::{Field, Scope as Attributes};

/// The most texts of spans that a text is put together of.
const MOST_TEXTS: u32 = 1_024;

/// Returns whether an expression is a whole number as it stands.
pub(super) fn is_whole_number(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(ValueWithSpan { value: Value::Number(number, _), .. }) if number.parse::<u64>().is_ok())
}

/// The text that an expression is as it stands.
pub(super) fn literal(expr: &Expr) -> Option<&str> {
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
        self.within(place, |checker| Some(checker.expression_here(expr, scope)))
            .unwrap_or_else(Typed::unknown)
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
            Expr::TypedString(typed) => match Self::cast_to(&typed.data_type) {
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
                self.compared(&at, left, &right)
            }
            Expr::Between { expr, low, high, .. } => {
                let of = self.expression(expr, scope);
                let (low, high) = (self.expression(low, scope), self.expression(high, scope));
                let kind = of.kind;
                let of = self.compared(&at, of, &low).with(kind);
                self.compared(&at, of, &high)
            }
            Expr::InList { expr, list, .. } => {
                let mut of = self.expression(expr, scope);
                let kind = of.kind;
                for item in list {
                    let item = self.expression(item, scope);
                    of = self.compared(&at, of.with(kind), &item);
                }
                of.with(Kind::Bool)
            }
            Expr::InSubquery { expr, subquery, .. } => {
                let of = self.expression(expr, scope);
                match self.one_column(subquery, scope) {
                    Some(column) => self.compared(&at, of, &column),
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
                            of = of.reading(&self.compared(&at, operand.clone(), &when));
                        }
                        None => self.condition(&case.condition, scope),
                    }
                    let result = self.expression(&case.result, scope);
                    of = self.either(&at, of, &result);
                }
                match else_result {
                    Some(result) => {
                        let result = self.expression(result, scope);
                        self.either(&at, of, &result)
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
                for part in substring_from.iter().chain(substring_for) {
                    self.number(part, scope);
                }
                of
            }
            Expr::Trim { trim_what, expr, trim_characters, .. } => {
                if let Some(what) = trim_what {
                    self.text(what, scope);
                }
                for what in trim_characters.iter().flatten() {
                    self.text(what, scope);
                }
                self.text(expr, scope)
            }
            Expr::Extract { .. } => {
                self.refused(at, "`EXTRACT`", "subtract moments: `end_time - start_time` is a duration")
            }
            Expr::Function(call) => self.call(call, scope),
            _ => self.refused(at, "this kind of expression", ""),
        }
    }

    pub(super) fn refused(&mut self, at: Range<usize>, what: &str, hint: &str) -> Typed {
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
                if found.next().is_some_and(|other| other.kind != Kind::Unknown)
                    && !scope.joined.contains(&column)
                {
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
            Hint::from("a text stands in single quotes: 'error'")
        } else {
            let names = scope.relations.iter().flat_map(|relation| &relation.table.columns);
            match nearest(&column, names.map(|(name, _)| name.as_str())) {
                // A name with its table is longer than what would stand there.
                Some(near) if named.is_empty() => Hint::did_you_mean(near),
                Some(near) => Hint::did_you_mean(near).without_edit(),
                None => Hint::from(format!("an attribute is written `attributes['{column}']`")),
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
        let field = match (of, key) {
            (Attributes::Resource, "service.name") => Field::attribute(of, key),
            // Not the name of the instrumentation scope, but its attribute of that name.
            _ => Field::Attribute { scope: of, key: key.to_owned() },
        };
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
                    Some(near) => Hint::did_you_mean(near),
                    None => Hint::from(format!("there are `{WINDOW_START}` and `{WINDOW_END}`")),
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
    pub(super) fn either(&mut self, at: &Range<usize>, one: Typed, other: &Typed) -> Typed {
        let texts = one.texts.max(other.texts);
        let kind = one.kind.or(other.kind).unwrap_or_else(|| {
            let (left, right) = (one.kind.describe(), other.kind.describe());
            let message = format!("these go together as one: {left}, {right}");
            let problem = Problem::new(Code::TypeMismatch, at.clone(), message);
            self.problems.push(problem.hint("make one of the other: `CAST(… AS VARCHAR)`"));
            Kind::Unknown
        });
        Typed { kind, texts, ..one.reading(other) }
    }

    fn compared(&mut self, at: &Range<usize>, left: Typed, right: &Typed) -> Typed {
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
        left.reading(right).with(Kind::Bool)
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
            Op::Eq | Op::NotEq | Op::Lt | Op::LtEq | Op::Gt | Op::GtEq => self.compared(at, left, &right),
            Op::Plus | Op::Minus | Op::Multiply | Op::Divide | Op::Modulo => {
                self.arithmetic(at, op, left, &right)
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

    fn arithmetic(&mut self, at: &Range<usize>, op: &BinaryOperator, left: Typed, right: &Typed) -> Typed {
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
            (Kind::Moment, Op::Plus | Op::Minus, Kind::Duration)
            | (Kind::Duration, Op::Plus, Kind::Moment) => Kind::Moment,
            (Kind::Moment, Op::Minus, Kind::Moment)
            | (Kind::Duration, Op::Plus | Op::Minus, Kind::Duration) => Kind::Duration,
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
        left.reading(right).with(kind)
    }

    /// Texts one after the other.
    pub(super) fn joined(&mut self, at: &Range<usize>, parts: impl IntoIterator<Item = Typed>) -> Typed {
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
    pub(super) fn grown(&mut self, at: &Range<usize>, text: Typed) -> Typed {
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
    pub(super) fn pattern(&mut self, expr: &Expr) {
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
    fn cast_to(data_type: &DataType) -> Option<Kind> {
        Some(match data_type {
            DataType::Char(None) | DataType::Varchar(None) | DataType::Text | DataType::String(None) => {
                Kind::Text
            }
            DataType::Boolean | DataType::Bool => Kind::Bool,
            DataType::Int(None) | DataType::Integer(None) | DataType::BigInt(None) => Kind::Whole,
            DataType::Double(_) | DataType::DoublePrecision | DataType::Float(_) | DataType::Real => {
                Kind::Number
            }
            DataType::Timestamp(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => Kind::Moment,
            DataType::Interval { fields: None, precision: None } => Kind::Duration,
            _ => return None,
        })
    }

    fn cast(&mut self, how: &CastKind, expr: &Expr, data_type: &DataType, scope: &Scope<'_>) -> Typed {
        let at = self.around.clone();
        let of = self.expression(expr, scope);
        let Some(kind) = Self::cast_to(data_type) else {
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
            self.problems
                .push(problem.hint(format!("where it is none, have NULL: `TRY_CAST(… AS {data_type})`")));
        }
        of.with(kind)
    }

    fn one_column(&mut self, query: &sqlparser::ast::Query, scope: &Scope<'_>) -> Option<Typed> {
        let rows = self.subquery(query, scope)?;
        let at = self.place(query.span());
        let number = rows.outputs.len();
        if number != 1 {
            self.problem(
                Code::WrongArguments,
                at,
                format!("a subquery in an expression has one column, not {number}"),
            );
        }
        rows.outputs.into_iter().next().map(|output| output.typed)
    }
}

fn table_is_open(named: &str) -> bool {
    named.is_empty()
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" ")
}
