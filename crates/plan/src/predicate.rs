//! Selectors and `where` expressions as DataFusion expressions over the span columns.
//!
//! Constants become literals of the expression API or constants inside a function of [`crate::functions`]; no text
//! of a rule is ever pasted into SQL. A comparison with no value is false: SQL's null does the same below `and`
//! and `or`, and [`Polarity`] makes it false where a `not` above would turn null into neither.

use arrow::datatypes::DataType;
use datafusion::functions::math::expr_fn as math;
use datafusion::functions::string::expr_fn as string;
use datafusion::functions::unicode::expr_fn as unicode;
use datafusion::logical_expr::{Expr, cast, lit, try_cast};
use fluo_rules::expr::{Comparison, Expr as RuleExpr, ExprKind, Function, Type, type_of};
use fluo_rules::field::{Field, Scope};
use fluo_rules::limits::LimitUnit;
use fluo_rules::matcher::{Matcher, Test, Value};
use fluo_rules::rule::Selector;
use fluo_spans::schema::columns;

use crate::error::PlanError;
use crate::fields::{Fields, Located, Tested, first};
use crate::form::Form;
use crate::functions::{Choice, Compared, Elements, ItemValue, ValueTest, chosen};
use crate::operators::{arithmetic, binary_of_numbers, literal, negated, one_of};
use crate::project::Value as Taken;

/// The place of a predicate, which decides whether a null there counts as false by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Polarity {
    /// Only `and` and `or` above: null acts as false.
    Positive,
    /// Below a `not`: null must be made false.
    Negated,
}

/// A value inside an expression.
enum Operand {
    Located(Located),
    Number(Expr),
    Literal(Value),
}

impl Fields<'_> {
    /// Returns a boolean expression that says whether a span is selected.
    pub fn selector(&self, selector: &Selector) -> Result<Expr, PlanError> {
        self.select(selector, Polarity::Positive)
    }

    /// Returns a boolean expression that says whether a `where` expression is true of a span. Null counts as false.
    pub fn filter(&self, filter: &RuleExpr) -> Result<Expr, PlanError> {
        self.boolean(filter, Polarity::Positive)
    }

    /// A field's value as a number: nanoseconds of the duration, or the number that an attribute's text stands for.
    pub fn number(&self, field: &Field) -> Expr {
        self.numeric_of(self.locate(field))
    }

    /// The value that an aggregate takes of a span. Durations are whole nanoseconds, the nearest ones.
    pub(crate) fn measure(&self, of: &RuleExpr) -> Result<Taken, PlanError> {
        if let ExprKind::Field(field) = &of.kind {
            return Ok(match self.locate(field) {
                Located::Duration(nanos) => Taken::Nanos(nanos),
                located => Taken::Number(self.numeric_of(located)),
            });
        }
        let number = self.numeric(of)?;
        Ok(if type_of(of, &[]) == Type::Duration {
            // What is too large for a duration is none.
            Taken::Nanos(try_cast(math::round(vec![number]), DataType::Int64))
        } else {
            Taken::Number(number)
        })
    }

    fn select(&self, selector: &Selector, polarity: Polarity) -> Result<Expr, PlanError> {
        match selector {
            Selector::All(all) => {
                let all = all.iter().map(|one| self.select(one, polarity)).collect::<Result<Vec<_>, _>>()?;
                Ok(all.into_iter().reduce(Expr::and).unwrap_or_else(|| lit(true)))
            }
            Selector::Any(any) => {
                let any = any.iter().map(|one| self.select(one, polarity)).collect::<Result<Vec<_>, _>>()?;
                Ok(any.into_iter().reduce(Expr::or).unwrap_or_else(|| lit(false)))
            }
            Selector::Not(inner) => Ok(Expr::Not(Box::new(self.select(inner, Polarity::Negated)?))),
            Selector::Match(field, matcher) => Ok(settle(self.matches(field, matcher)?, polarity)),
            Selector::Event { name, attributes } => {
                let mut tests = Vec::with_capacity(attributes.len() + 1);
                if let Some(name) = name {
                    tests.push((ItemValue::Text("name"), ValueTest::new(name, false)?));
                }
                for (key, matcher) in attributes {
                    let value = ItemValue::Attribute(self.spellings(Scope::Event, key));
                    tests.push((value, ValueTest::new(matcher, true)?));
                }
                Ok(settle(self.item_test(columns::EVENTS, tests), polarity))
            }
            Selector::Where(expr) => self.boolean(expr, polarity),
        }
    }

    fn matches(&self, field: &Field, matcher: &Matcher) -> Result<Expr, PlanError> {
        match self.locate(field) {
            Located::Attribute(candidates) => {
                self.value_test(Tested::Text(candidates, true), |arrays| ValueTest::new(matcher, arrays))
            }
            Located::Items(items) => {
                self.value_test(Tested::Items(items), |arrays| ValueTest::new(matcher, arrays))
            }
            Located::Text(text) => {
                let tests = matcher.tests.iter().map(|test| match test {
                    // Spelled in SQL's own operators, because files and pages are pruned by them.
                    Test::Eq(Value::Text(value)) => Ok(text.clone().eq(lit(value.as_str()))),
                    Test::In(values) if values.iter().all(|value| matches!(value, Value::Text(_))) => {
                        let values = values.iter().filter_map(|value| match value {
                            Value::Text(value) => Some(lit(value.as_str())),
                            _ => None,
                        });
                        Ok(text.clone().in_list(values.collect(), false))
                    }
                    other => {
                        let matcher = Matcher { tests: vec![other.clone()] };
                        let tested = Tested::Text(vec![text.clone()], false);
                        self.value_test(tested, |arrays| ValueTest::new(&matcher, arrays))
                    }
                });
                all(tests)
            }
            Located::Duration(nanos) => all(matcher.tests.iter().map(|test| duration_test(&nanos, test))),
            Located::Bool(bool) => all(matcher.tests.iter().map(|test| match test {
                Test::Eq(Value::Bool(value)) => Ok(bool.clone().eq(lit(*value))),
                Test::Ne(Value::Bool(value)) => Ok(bool.clone().not_eq(lit(*value))),
                Test::Exists(exists) => Ok(lit(*exists)),
                other => Err(PlanError::Misplaced(format!("{field} {other:?}"))),
            })),
        }
    }

    fn boolean(&self, expr: &RuleExpr, polarity: Polarity) -> Result<Expr, PlanError> {
        match &expr.kind {
            ExprKind::And(left, right) => {
                Ok(self.boolean(left, polarity)?.and(self.boolean(right, polarity)?))
            }
            ExprKind::Or(left, right) => Ok(self.boolean(left, polarity)?.or(self.boolean(right, polarity)?)),
            ExprKind::Not(inner) => Ok(Expr::Not(Box::new(self.boolean(inner, Polarity::Negated)?))),
            _ => Ok(settle(self.test(expr)?, polarity)),
        }
    }

    /// A boolean that is no connective.
    fn test(&self, expr: &RuleExpr) -> Result<Expr, PlanError> {
        match &expr.kind {
            ExprKind::Literal(Value::Bool(value)) => Ok(lit(*value)),
            ExprKind::Compare(op, left, right) => {
                self.compare(*op, self.operand(left)?, self.operand(right)?)
            }
            ExprKind::Between(item, low, high) => {
                if let (
                    operand @ Operand::Located(Located::Attribute(_) | Located::Items(_)),
                    ExprKind::Literal(low @ Value::Number(_)),
                    ExprKind::Literal(high @ Value::Number(_)),
                ) = (self.operand(item)?, &low.kind, &high.kind)
                {
                    // One element of an array must lie between both.
                    let tests = vec![Test::Gte(low.clone()), Test::Lte(high.clone())];
                    return self
                        .value_test(tested(operand)?, |arrays| ValueTest::new(&Matcher { tests }, arrays));
                }
                let above = self.compare(Comparison::Gte, self.operand(item)?, self.operand(low)?)?;
                Ok(above.and(self.compare(Comparison::Lte, self.operand(item)?, self.operand(high)?)?))
            }
            ExprKind::Regex { item, pattern, negated } => {
                let tested = tested(self.operand(item)?)?;
                self.value_test(tested, |arrays| ValueTest::regex(pattern, *negated, arrays))
            }
            ExprKind::In(item, values) => match self.operand(item)? {
                operand
                @ (Operand::Number(_) | Operand::Located(Located::Duration(_) | Located::Bool(_))) => {
                    let operand = self.whole(operand);
                    Ok(values
                        .iter()
                        .map(|value| operand.clone().eq(literal(value)))
                        .reduce(Expr::or)
                        .unwrap_or_else(|| lit(false)))
                }
                operand => {
                    let matcher = Matcher { tests: vec![Test::In(values.clone())] };
                    self.value_test(tested(operand)?, |arrays| ValueTest::new(&matcher, arrays))
                }
            },
            ExprKind::Call(
                function @ (Function::Contains | Function::StartsWith | Function::EndsWith),
                items,
            ) => {
                let [item, part] = items.as_slice() else {
                    return Err(PlanError::Misplaced(format!("{function:?} of {} arguments", items.len())));
                };
                let item = self.operand(item)?;
                let ExprKind::Literal(Value::Text(part)) = &part.kind else {
                    let (text, part) = (self.text_of(item)?, self.text_of(self.operand(part)?)?);
                    return Ok(match function {
                        Function::StartsWith => string::starts_with(text, part),
                        Function::EndsWith => string::ends_with(text, part),
                        _ => string::contains(text, part),
                    });
                };
                let test = match function {
                    Function::StartsWith => Test::StartsWith(part.clone()),
                    Function::EndsWith => Test::EndsWith(part.clone()),
                    _ => Test::Contains(part.clone()),
                };
                let matcher = Matcher { tests: vec![test] };
                self.value_test(tested(item)?, |arrays| ValueTest::new(&matcher, arrays))
            }
            ExprKind::Field(field) => match self.locate(field) {
                Located::Bool(bool) => Ok(bool),
                _ => Err(PlanError::Misplaced(field.to_string())),
            },
            other => Err(PlanError::Misplaced(format!("{other:?}"))),
        }
    }

    fn compare(&self, op: Comparison, left: Operand, right: Operand) -> Result<Expr, PlanError> {
        use crate::fields::Located::{Attribute, Bool, Duration, Items, Text};
        use Operand::{Literal, Located, Number};
        match (left, right) {
            (Literal(left), right @ (Located(_) | Number(_))) => {
                self.compare(op.mirrored(), right, Literal(left))
            }
            (Located(Text(text)), Literal(Value::Text(value))) if matches!(op, Comparison::Eq) => {
                Ok(text.eq(lit(value)))
            }
            (Located(located @ (Attribute(_) | Items(_) | Text(_))), Literal(value)) => {
                let matcher = Matcher { tests: vec![test_of(op, value)] };
                self.value_test(tested(Located(located))?, |arrays| ValueTest::new(&matcher, arrays))
            }
            (left @ Located(Duration(_) | Bool(_)), right)
            | (
                left @ (Number(_) | Literal(_)),
                right @ (Number(_) | Literal(_) | Located(Duration(_) | Bool(_))),
            ) => Ok(binary_of_numbers(&self.whole(left), op, &self.whole(right))),
            (left, right) => Ok(self.compare_values(op, self.compared(left), self.compared(right))),
        }
    }

    fn operand(&self, expr: &RuleExpr) -> Result<Operand, PlanError> {
        match &expr.kind {
            ExprKind::Literal(value) => Ok(Operand::Literal(value.clone())),
            ExprKind::Field(field) => Ok(Operand::Located(self.locate(field))),
            ExprKind::Limit(limit) => Ok(match limit.unit {
                LimitUnit::Number => Operand::Number(self.limit(limit)?),
                LimitUnit::Duration => Operand::Located(Located::Duration(self.limit(limit)?)),
            }),
            ExprKind::Negate(inner) => Ok(Operand::Number(negated(self.numeric(inner)?))),
            ExprKind::Arithmetic(op, left, right) => {
                Ok(Operand::Number(arithmetic(self.form, *op, self.numeric(left)?, self.numeric(right)?)?))
            }
            ExprKind::Call(function, items) => self.call(*function, items),
            _ => Ok(Operand::Located(Located::Bool(self.boolean(expr, Polarity::Negated)?))),
        }
    }

    fn numeric(&self, expr: &RuleExpr) -> Result<Expr, PlanError> {
        Ok(self.as_number(expr, self.operand(expr)?))
    }

    /// The operand that an expression is, as a number.
    fn as_number(&self, expr: &RuleExpr, operand: Operand) -> Expr {
        match operand {
            Operand::Located(located) => self.numeric_of(located),
            // A limit may be a whole number.
            Operand::Number(number) if matches!(expr.kind, ExprKind::Limit(_)) => {
                cast(number, DataType::Float64)
            }
            Operand::Number(number) => number,
            Operand::Literal(value) => cast(literal(&value), DataType::Float64),
        }
    }

    fn numeric_of(&self, located: Located) -> Expr {
        match located {
            Located::Attribute(candidates) => self.number_of(first(candidates)),
            Located::Items(items) => self.number_of(self.item_values(&items)),
            Located::Text(text) => self.number_of(text),
            Located::Duration(expr) | Located::Bool(expr) => cast(expr, DataType::Float64),
        }
    }

    fn call(&self, function: Function, items: &[RuleExpr]) -> Result<Operand, PlanError> {
        let number = |at: usize| match items.get(at) {
            Some(item) => self.numeric(item),
            None => Err(PlanError::Misplaced(format!("{function:?} of nothing"))),
        };
        let text = || match items.first() {
            Some(item) => self.text_of(self.operand(item)?),
            None => Err(PlanError::Misplaced(format!("{function:?} of nothing"))),
        };
        let operands =
            || items.iter().map(|item| self.operand(item)).collect::<Result<Vec<Operand>, PlanError>>();
        Ok(match function {
            Function::Abs => Operand::Number(math::abs(number(0)?)),
            Function::Floor => Operand::Number(math::floor(number(0)?)),
            Function::Ceil => Operand::Number(math::ceil(number(0)?)),
            Function::Round => Operand::Number(math::round(vec![number(0)?])),
            Function::Min | Function::Max => self.chosen(function, items, operands()?)?,
            Function::Coalesce => {
                let operands = operands()?;
                let texts_only = operands.iter().all(|operand| {
                    matches!(
                        operand,
                        Operand::Located(Located::Attribute(_) | Located::Items(_) | Located::Text(_))
                            | Operand::Literal(Value::Text(_) | Value::Bool(_))
                    )
                });
                if texts_only {
                    let candidates = operands.into_iter().map(|operand| self.texts(operand));
                    let candidates = candidates.collect::<Result<Vec<_>, _>>()?;
                    // A computed text is a text: arrays are looked into where an attribute itself is compared.
                    Operand::Located(Located::Text(first(candidates.into_iter().flatten().collect())))
                } else {
                    self.chosen(function, items, operands)?
                }
            }
            Function::Lower => Operand::Located(Located::Text(string::lower(text()?))),
            Function::Upper => Operand::Located(Located::Text(string::upper(text()?))),
            Function::Length => Operand::Number(cast(unicode::character_length(text()?), DataType::Float64)),
            Function::Contains | Function::StartsWith | Function::EndsWith => {
                return Err(PlanError::Misplaced(format!("{function:?}")));
            }
        })
    }

    /// One of some numbers or durations, as it is: nothing is computed, and no whole number becomes a double. Printed SQL has
    /// doubles, for its types are those of columns. `operands`: those that the items are.
    fn chosen(
        &self,
        function: Function,
        items: &[RuleExpr],
        operands: Vec<Operand>,
    ) -> Result<Operand, PlanError> {
        let is_duration = |operand: &Operand| {
            matches!(operand, Operand::Located(Located::Duration(_)) | Operand::Literal(Value::Duration(_)))
        };
        let is_number = |operand: &Operand| {
            !is_duration(operand) && !matches!(operand, Operand::Located(Located::Bool(_)))
        };
        let wholes =
            |operands: Vec<Operand>| operands.into_iter().map(|operand| self.whole(operand)).collect();
        if operands.iter().all(is_duration) {
            return Ok(Operand::Located(Located::Duration(one_of(function, wholes(operands))?)));
        }
        if self.form == Form::Functions && operands.iter().all(is_number) {
            let choice = match function {
                Function::Min => Choice::Least,
                Function::Max => Choice::Greatest,
                _ => Choice::First,
            };
            return Ok(Operand::Located(Located::Text(chosen(choice, wholes(operands)))));
        }
        let numbers = items.iter().zip(operands).map(|(item, operand)| self.as_number(item, operand));
        Ok(Operand::Number(one_of(function, numbers.collect())?))
    }

    /// An operand as one expression of `DataFusion`.
    fn whole(&self, operand: Operand) -> Expr {
        match operand {
            Operand::Located(Located::Attribute(candidates)) => first(candidates),
            Operand::Located(Located::Items(items)) => self.item_values(&items),
            Operand::Located(Located::Text(expr) | Located::Duration(expr) | Located::Bool(expr))
            | Operand::Number(expr) => expr,
            Operand::Literal(value) => literal(&value),
        }
    }

    fn compared(&self, operand: Operand) -> Compared {
        let elements = match &operand {
            Operand::Located(Located::Attribute(_)) => Elements::OfArray,
            Operand::Located(Located::Items(items)) => {
                Elements::OfItems { arrays: items.value.may_be_array() }
            }
            _ => Elements::Whole,
        };
        let number = matches!(operand, Operand::Number(_) | Operand::Literal(Value::Number(_)));
        Compared { expr: self.whole(operand), elements, number }
    }

    /// The texts of which the first that is not null is the operand's.
    fn texts(&self, operand: Operand) -> Result<Vec<Expr>, PlanError> {
        Ok(match tested(operand)? {
            Tested::Text(candidates, _) => candidates,
            Tested::Items(items) => vec![self.item_values(&items)],
        })
    }

    fn text_of(&self, operand: Operand) -> Result<Expr, PlanError> {
        self.texts(operand).map(first)
    }
}

/// Returns the input of a test of a text operand.
fn tested(operand: Operand) -> Result<Tested, PlanError> {
    Ok(match operand {
        Operand::Located(Located::Attribute(candidates)) => Tested::Text(candidates, true),
        Operand::Located(Located::Items(items)) => Tested::Items(items),
        Operand::Located(Located::Text(text)) => Tested::Text(vec![text], false),
        Operand::Literal(Value::Text(text)) => Tested::Text(vec![lit(text)], false),
        Operand::Literal(Value::Bool(bool)) => Tested::Text(vec![lit(bool.to_string())], false),
        Operand::Located(Located::Duration(expr) | Located::Bool(expr)) | Operand::Number(expr) => {
            return Err(PlanError::Misplaced(expr.to_string()));
        }
        Operand::Literal(value) => return Err(PlanError::Misplaced(literal(&value).to_string())),
    })
}

fn settle(test: Expr, polarity: Polarity) -> Expr {
    match polarity {
        Polarity::Positive => test,
        // SQL reads `NOT x IS TRUE` as `NOT (x IS TRUE)`.
        Polarity::Negated => match test {
            Expr::Not(inner) => Expr::IsFalse(inner),
            test => Expr::IsTrue(Box::new(test)),
        },
    }
}

fn all(tests: impl Iterator<Item = Result<Expr, PlanError>>) -> Result<Expr, PlanError> {
    let tests = tests.collect::<Result<Vec<_>, _>>()?;
    Ok(tests.into_iter().reduce(Expr::and).unwrap_or_else(|| lit(true)))
}

fn duration_test(nanos: &Expr, test: &Test) -> Result<Expr, PlanError> {
    let bound = |value: &Value| match value {
        Value::Duration(bound) => Ok(lit(bound.0)),
        other => Err(PlanError::Misplaced(format!("duration against {other:?}"))),
    };
    let nanos = nanos.clone();
    Ok(match test {
        Test::Eq(value) => nanos.eq(bound(value)?),
        Test::Ne(value) => nanos.not_eq(bound(value)?),
        Test::Gt(value) => nanos.gt(bound(value)?),
        Test::Gte(value) => nanos.gt_eq(bound(value)?),
        Test::Lt(value) => nanos.lt(bound(value)?),
        Test::Lte(value) => nanos.lt_eq(bound(value)?),
        Test::In(values) => nanos.in_list(values.iter().map(bound).collect::<Result<_, _>>()?, false),
        Test::NotIn(values) => nanos.in_list(values.iter().map(bound).collect::<Result<_, _>>()?, true),
        Test::Exists(exists) => lit(*exists),
        other => return Err(PlanError::Misplaced(format!("duration {other:?}"))),
    })
}

fn test_of(op: Comparison, value: Value) -> Test {
    match op {
        Comparison::Eq => Test::Eq(value),
        Comparison::Ne => Test::Ne(value),
        Comparison::Lt => Test::Lt(value),
        Comparison::Lte => Test::Lte(value),
        Comparison::Gt => Test::Gt(value),
        Comparison::Gte => Test::Gte(value),
    }
}
