//! The SQL dialect in which expressions are printed: DataFusion's own, except that map entries and fields are printed
//! as `map['key']`. This form reads the same for columns and for a lambda's parameter.

use datafusion::common::Result;
use datafusion::logical_expr::Expr;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{self, AccessExpr, Subscript};
use datafusion::sql::unparser::Unparser;
use datafusion::sql::unparser::dialect::{DefaultDialect, Dialect};

/// The dialect of printed statements.
pub(super) struct Printed;

impl Dialect for Printed {
    fn identifier_quote_style(&self, identifier: &str) -> Option<char> {
        DefaultDialect {}.identifier_quote_style(identifier)
    }

    fn scalar_function_to_sql_overrides(
        &self,
        unparser: &Unparser<'_>,
        function: &str,
        arguments: &[Expr],
    ) -> Result<Option<ast::Expr>> {
        let ("get_field", [of, keys @ ..]) = (function, arguments) else { return Ok(None) };
        let keys: Option<Vec<AccessExpr>> = keys
            .iter()
            .map(|key| match key {
                Expr::Literal(ScalarValue::Utf8(Some(key)), _) => {
                    let key = ast::Value::SingleQuotedString(key.clone());
                    Some(AccessExpr::Subscript(Subscript::Index { index: ast::Expr::value(key) }))
                }
                _ => None,
            })
            .collect();
        let Some(access_chain) = keys else { return Ok(None) };
        Ok(Some(match unparser.expr_to_sql(of)? {
            ast::Expr::CompoundFieldAccess { root, access_chain: mut outer } => {
                outer.extend(access_chain);
                ast::Expr::CompoundFieldAccess { root, access_chain: outer }
            }
            root => ast::Expr::CompoundFieldAccess { root: Box::new(root), access_chain },
        }))
    }
}
