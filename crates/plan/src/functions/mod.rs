//! Functions over spans that SQL has no word for: each compares an attribute's text by meaning.
//!
//! They exist because "values compare by meaning" (a text may be an integer, a number, an array) is one decision a
//! value, taken once for each distinct text of a batch. The printed SQL says the same in SQL's own words.

mod chosen;
mod items;
mod limit_of;
mod numbers;
mod text_column;
mod value_test;

use arrow::array::ArrayRef;
use datafusion::common::Result;
use datafusion::logical_expr::ScalarFunctionArgs;

pub(crate) use chosen::{Choice, chosen};
pub(crate) use items::{ItemValue, item_test, item_values};
pub(crate) use limit_of::{has_row, limit_of};
pub(crate) use numbers::{Compared, Elements, adjusted_count, compare_values, number_of};
pub(crate) use value_test::{Compiled, ValueTest};

/// The arguments as arrays of the batch's length. One that is the same for every row comes as a scalar, also where an
/// expression happens to be constant within a batch.
fn arrays(arguments: &ScalarFunctionArgs) -> Result<Vec<ArrayRef>> {
    arguments.args.iter().map(|argument| argument.to_array(arguments.number_rows)).collect()
}
