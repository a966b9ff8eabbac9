//! Tests over a span's events.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, MapArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use fluo_spans::text;

use super::value_test::ValueTest;

/// What is read of an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum EventValue {
    /// Its name.
    Name,
    /// An attribute: the first of these spellings that it has.
    Attribute(Vec<String>),
}

/// Whether one event satisfies all tests.
pub(crate) fn event_test(events: Expr, tests: Vec<(EventValue, ValueTest)>) -> Expr {
    let identity = format!(
        "event_test[{}]",
        tests.iter().map(|(value, test)| format!("{value:?} {test}")).collect::<Vec<_>>().join(", ")
    );
    let signature = Signature::any(1, Volatility::Immutable);
    ScalarUDF::new_from_impl(EventTest { tests, identity, signature }).call(vec![events])
}

/// The values of all events as one JSON array of texts, so that a comparison with it holds when it holds for one
/// event; none where no event has the value.
pub(crate) fn event_values(events: Expr, value: EventValue) -> Expr {
    let signature = Signature::any(1, Volatility::Immutable);
    ScalarUDF::new_from_impl(EventValues { value, signature }).call(vec![events])
}

/// The events of a batch, with one row's events at `rows[row]..rows[row + 1]`.
struct Events {
    offsets: Vec<usize>,
    names: StringArray,
    attributes: MapArray,
    keys: StringArray,
    values: StringArray,
}

impl Events {
    fn new(array: &ArrayRef) -> Result<Self> {
        let Some(list) = array.as_list_opt::<i32>() else {
            return exec_err!("a list of events was expected, not {}", array.data_type());
        };
        let Some(fields) = list.values().as_struct_opt() else {
            return exec_err!("a list of events was expected, not {}", array.data_type());
        };
        let (Some(names), Some(attributes)) =
            (fields.column_by_name("name"), fields.column_by_name("attributes"))
        else {
            return exec_err!("events without name or attributes: {}", array.data_type());
        };
        let attributes = attributes.as_map().clone();
        let text = |column: &ArrayRef| -> Result<StringArray> {
            Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone())
        };
        Ok(Self {
            offsets: list.value_offsets().iter().map(|&offset| offset.unsigned_abs() as usize).collect(),
            names: text(names)?,
            keys: text(attributes.keys())?,
            values: text(attributes.values())?,
            attributes,
        })
    }

    fn rows(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        self.offsets.windows(2).map(|ends| ends[0]..ends[1])
    }

    fn get(&self, event: usize, value: &EventValue) -> Option<&str> {
        let spellings = match value {
            EventValue::Name => return self.names.is_valid(event).then(|| self.names.value(event)),
            EventValue::Attribute(spellings) => spellings,
        };
        if self.attributes.is_null(event) {
            return None;
        }
        let offsets = self.attributes.value_offsets();
        let entries = offsets[event].unsigned_abs() as usize..offsets[event + 1].unsigned_abs() as usize;
        spellings.iter().find_map(|key| {
            let entry = entries.clone().find(|&entry| self.keys.value(entry) == key)?;
            self.values.is_valid(entry).then(|| self.values.value(entry))
        })
    }
}

#[derive(Debug)]
struct EventTest {
    tests: Vec<(EventValue, ValueTest)>,
    identity: String,
    signature: Signature,
}

impl PartialEq for EventTest {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

impl Eq for EventTest {}

impl Hash for EventTest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity.hash(state);
    }
}

impl ScalarUDFImpl for EventTest {
    fn name(&self) -> &str {
        &self.identity
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = super::arrays(&arguments)?;
        let events = Events::new(&arrays[0])?;
        let results: BooleanArray = events
            .rows()
            .map(|mut row| {
                Some(row.any(|event| {
                    self.tests.iter().all(|(value, test)| test.holds_for(events.get(event, value)))
                }))
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(results)))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct EventValues {
    value: EventValue,
    signature: Signature,
}

impl ScalarUDFImpl for EventValues {
    fn name(&self) -> &'static str {
        "event_values"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = super::arrays(&arguments)?;
        let events = Events::new(&arrays[0])?;
        let texts: Vec<Option<String>> = events
            .rows()
            .map(|row| {
                let mut present = false;
                let mut elements = Vec::new();
                for text in row.filter_map(|event| events.get(event, &self.value)) {
                    present = true;
                    match text::array(text) {
                        // Only an attribute can be an array: a name is plain text.
                        Some(inner) if self.value != EventValue::Name => elements.extend(inner),
                        _ => elements.push(text.to_owned()),
                    }
                }
                present.then(|| serde_json::Value::from(elements).to_string())
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(StringArray::from(texts))))
    }
}
