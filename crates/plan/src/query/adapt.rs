//! The tree of a query as it is planned.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments,
    Ident, ObjectName, Statement, Value, ValueWithSpan, visit_expressions_mut,
};
use datafusion::sql::sqlparser::tokenizer::Span;
use fluo_rules::sql::{WINDOW_END, WINDOW_START};

use super::functions;

/// The bounds of the window become calls, whose type is known. A division by zero gives no value, as everywhere in the
/// language: it would end the query.
pub(super) fn adapted(mut statement: Statement) -> Statement {
    let _: ControlFlow<()> = visit_expressions_mut(&mut statement, |expr| {
        match expr {
            Expr::Value(ValueWithSpan { value: Value::Placeholder(name), .. }) => {
                let bound = match name.as_str() {
                    WINDOW_START => Some(functions::START),
                    WINDOW_END => Some(functions::END),
                    _ => None,
                };
                if let Some(bound) = bound {
                    *expr = call(Ident::with_quote('"', bound), Vec::new());
                }
            }
            Expr::BinaryOp { op: BinaryOperator::Divide | BinaryOperator::Modulo, right, .. }
                if !is_number(right) =>
            {
                let zero = Expr::Value(Value::Number("0".to_owned(), false).with_empty_span());
                let by = std::mem::replace(&mut **right, zero.clone());
                **right = call(Ident::new("nullif"), vec![by, zero]);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    });
    statement
}

/// Returns whether an expression is a number other than zero as it stands.
fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::Number(number, _), .. }) => {
            number.parse::<f64>().is_ok_and(|number| number != 0.0)
        }
        _ => false,
    }
}

fn call(name: Ident, arguments: Vec<Expr>) -> Expr {
    let arguments = arguments.into_iter().map(|expr| FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)));
    let name = Ident { span: Span::empty(), ..name };
    Expr::Function(Function {
        name: ObjectName::from(vec![name]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: arguments.collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
