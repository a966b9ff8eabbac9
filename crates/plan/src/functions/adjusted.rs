//! The number of spans that a span stands for, by the sampling threshold in its trace state.

use std::sync::Arc;

use arrow::array::Float64Array;
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use fluo_spans::sampling;

use super::text_column::TextColumn;

/// The number of spans that a span with this trace state stands for (`Float64`); 1 where it says nothing of sampling.
pub(crate) fn adjusted_count(trace_state: Expr) -> Expr {
    ScalarUDF::new_from_impl(AdjustedCount { signature: Signature::any(1, Volatility::Immutable) })
        .call(vec![trace_state])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct AdjustedCount {
    signature: Signature,
}

impl ScalarUDFImpl for AdjustedCount {
    fn name(&self) -> &'static str {
        "adjusted_count"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = super::arrays(&arguments)?;
        let counts = TextColumn::new(&arrays[0])?.map(sampling::adjusted_count);
        let counts: Float64Array = counts.into_iter().map(|count| Some(count.unwrap_or(1.0))).collect();
        Ok(ColumnarValue::Array(Arc::new(counts)))
    }
}
