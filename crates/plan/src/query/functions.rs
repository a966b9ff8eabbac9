//! The functions of queries that are fluo's own.

use std::sync::Arc;

use arrow::compute::cast;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use fluo_spans::schema::time_type;

/// The name of the beginning of the window: no query can call it.
pub(super) const START: &str = "start of the window";

/// The name of the end of the window.
pub(super) const END: &str = "end of the window";

/// A number of nanoseconds as a duration.
pub(super) const NANOSECONDS: &str = "nanoseconds";

/// A bound of the window, by its type: what it is, nobody knows while a query is planned.
pub(super) fn bound(name: &'static str) -> ScalarUDF {
    ScalarUDF::new_from_impl(Bound { name, signature: Signature::nullary(Volatility::Immutable) })
}

/// A number of nanoseconds as a duration.
pub(super) fn nanoseconds() -> ScalarUDF {
    let signature = Signature::uniform(1, vec![DataType::Int64, DataType::Float64], Volatility::Immutable);
    ScalarUDF::new_from_impl(Nanoseconds { signature })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bound {
    name: &'static str,
    signature: Signature,
}

impl ScalarUDFImpl for Bound {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(time_type())
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        exec_err!("the {} is not known yet", self.name)
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Nanoseconds {
    signature: Signature,
}

impl ScalarUDFImpl for Nanoseconds {
    fn name(&self) -> &'static str {
        NANOSECONDS
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Duration(TimeUnit::Nanosecond))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        // A number that is no whole one is cut off; what is too large for a duration is none.
        let whole = cast(&arrays[0], &DataType::Int64)?;
        Ok(ColumnarValue::Array(Arc::new(cast(&whole, &DataType::Duration(TimeUnit::Nanosecond))?)))
    }
}
