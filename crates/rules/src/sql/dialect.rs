//! The SQL that queries are written in: that of many databases at once, read in bounded time.
//!
//! The parser tries one reading after another, at each level of nesting: a dozen subqueries in one another took seconds.
//! It asks its dialect at the start of each expression, which is where attempts are counted.

use std::any::TypeId;
use std::cell::Cell;

use sqlparser::ast::Expr;
use sqlparser::dialect::{Dialect, GenericDialect};
use sqlparser::parser::{Parser, ParserError};

/// The most expressions that the parser begins to read, those that it begins anew included. Queries whose brackets are
/// not nested begin at most two for each of their words.
const MAX_ATTEMPTS: u32 = 20_000;

/// A dialect that ends the parser's work.
#[derive(Debug)]
pub(super) struct Bounded {
    attempts_left: Cell<u32>,
}

impl Bounded {
    /// A dialect for the text of one query.
    pub(super) fn new() -> Self {
        Self { attempts_left: Cell::new(MAX_ATTEMPTS) }
    }
}

/// Says what [`GenericDialect`] says.
macro_rules! as_generic {
    ($($question:ident),+ $(,)?) => {
        $(fn $question(&self) -> bool {
            GenericDialect {}.$question()
        })+
    };
}

/// Each method says what [`GenericDialect`] says, apart from [`Dialect::parse_prefix`]. Clauses that no query may have
/// are not among them: the parser refuses them by itself.
impl Dialect for Bounded {
    fn dialect(&self) -> TypeId {
        TypeId::of::<GenericDialect>()
    }

    fn parse_prefix(&self, _: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        match self.attempts_left.get().checked_sub(1) {
            Some(left) => {
                self.attempts_left.set(left);
                None
            }
            None => Some(Err(ParserError::RecursionLimitExceeded)),
        }
    }

    fn is_identifier_start(&self, character: char) -> bool {
        GenericDialect {}.is_identifier_start(character)
    }

    fn is_identifier_part(&self, character: char) -> bool {
        GenericDialect {}.is_identifier_part(character)
    }

    fn is_delimited_identifier_start(&self, character: char) -> bool {
        GenericDialect {}.is_delimited_identifier_start(character)
    }

    as_generic! {
        supports_group_by_expr,
        supports_group_by_with_modifier,
        supports_left_associative_joins_without_parens,
        supports_window_function_null_treatment_arg,
        supports_window_clause_named_window_reference,
        supports_parens_around_table_factor,
        supports_values_as_table_factor,
        supports_filter_during_aggregation,
        supports_projection_trailing_commas,
        supports_bitwise_shift_operators,
        supports_nested_comments,
        supports_string_escape_constant,
        supports_limit_comma,
        supports_select_wildcard_except,
        supports_select_wildcard_exclude,
        supports_select_wildcard_replace,
        supports_select_wildcard_rename,
        supports_dictionary_syntax,
        support_map_literal_syntax,
        supports_struct_literal,
        supports_named_fn_args_with_assignment_operator,
        allow_extract_custom,
        supports_interval_options,
        supports_cte_without_as,
        supports_empty_projections,
    }
}
