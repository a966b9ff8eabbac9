//! Tests over what a span has many of: its events, and its links.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, MapArray, StringArray, StructArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::value_test::ValueTest;

/// The value that is read of an event or a link.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum ItemValue {
    /// This field of it, which is a text.
    Text(&'static str),
    /// This field of it, an id, in hex.
    Id(&'static str),
    /// An attribute: the first of these spellings that it has.
    Attribute(Vec<String>),
}

impl ItemValue {
    /// Returns whether its text may be an array.
    pub(crate) fn may_be_array(&self) -> bool {
        matches!(self, Self::Attribute(_))
    }
}

/// Returns whether one item of the column `items` satisfies all tests.
pub(crate) fn item_test(items: Expr, tests: Vec<(ItemValue, ValueTest)>) -> Expr {
    let identity = format!(
        "item_test[{}]",
        tests.iter().map(|(value, test)| format!("{value:?} {test}")).collect::<Vec<_>>().join(", ")
    );
    let signature = Signature::any(1, Volatility::Immutable);
    ScalarUDF::new_from_impl(ItemTest { tests, identity, signature }).call(vec![items])
}

/// The values of all items that have one, as one JSON array of texts; none where no item has the value.
pub(crate) fn item_values(items: Expr, value: ItemValue) -> Expr {
    let signature = Signature::any(1, Volatility::Immutable);
    ScalarUDF::new_from_impl(ItemValues { value, signature }).call(vec![items])
}

/// The items of a batch, with one row's items at `rows[row]..rows[row + 1]`.
struct Items {
    offsets: Vec<usize>,
    fields: StructArray,
    attributes: MapArray,
    keys: StringArray,
    values: StringArray,
}

impl Items {
    fn new(array: &ArrayRef) -> Result<Self> {
        let fields = array.as_list_opt::<i32>().and_then(|list| Some((list, list.values().as_struct_opt()?)));
        let Some((list, fields)) = fields else {
            return exec_err!("a list of events or links was expected, not {}", array.data_type());
        };
        let Some(attributes) = fields.column_by_name("attributes").and_then(AsArray::as_map_opt) else {
            return exec_err!("events or links without attributes: {}", array.data_type());
        };
        let text = |column: &ArrayRef| -> Result<StringArray> {
            Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone())
        };
        Ok(Self {
            offsets: list.value_offsets().iter().map(|&offset| offset.unsigned_abs() as usize).collect(),
            fields: fields.clone(),
            keys: text(attributes.keys())?,
            values: text(attributes.values())?,
            attributes: attributes.clone(),
        })
    }

    /// Reads `value` of each item.
    fn reader<'a>(&'a self, value: &'a ItemValue) -> Result<Reader<'a>> {
        let (ItemValue::Text(field) | ItemValue::Id(field)) = value else {
            let ItemValue::Attribute(spellings) = value else { return exec_err!("{value:?} is not read") };
            return Ok(Reader::Attribute(self, spellings));
        };
        let Some(column) = self.fields.column_by_name(field) else {
            return exec_err!("events or links without `{field}`");
        };
        Ok(if matches!(value, ItemValue::Id(_)) {
            Reader::Id(cast(column, &DataType::Binary)?)
        } else {
            Reader::Text(cast(column, &DataType::Utf8)?)
        })
    }

    fn rows(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        self.offsets.windows(2).map(|ends| ends[0]..ends[1])
    }

    fn attribute(&self, item: usize, spellings: &[String]) -> Option<&str> {
        if self.attributes.is_null(item) {
            return None;
        }
        let offsets = self.attributes.value_offsets();
        let entries = offsets[item].unsigned_abs() as usize..offsets[item + 1].unsigned_abs() as usize;
        spellings.iter().find_map(|key| {
            let entry = entries.clone().find(|&entry| self.keys.value(entry) == key)?;
            self.values.is_valid(entry).then(|| self.values.value(entry))
        })
    }
}

/// Reads one value of items.
enum Reader<'a> {
    Text(ArrayRef),
    Id(ArrayRef),
    Attribute(&'a Items, &'a [String]),
}

impl Reader<'_> {
    fn get(&self, item: usize) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(texts) => texts.is_valid(item).then(|| texts.as_string::<i32>().value(item).into()),
            Self::Id(ids) => ids.is_valid(item).then(|| hex(ids.as_binary::<i32>().value(item)).into()),
            Self::Attribute(items, spellings) => items.attribute(item, spellings).map(Cow::Borrowed),
        }
    }
}

fn hex(id: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16);
    id.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).flatten().collect()
}

#[derive(Debug)]
struct ItemTest {
    tests: Vec<(ItemValue, ValueTest)>,
    identity: String,
    signature: Signature,
}

impl PartialEq for ItemTest {
    fn eq(&self, other: &Self) -> bool {
        self.identity == other.identity
    }
}

impl Eq for ItemTest {}

impl Hash for ItemTest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.identity.hash(state);
    }
}

impl ScalarUDFImpl for ItemTest {
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
        let items = Items::new(&arrays[0])?;
        let readers = self
            .tests
            .iter()
            .map(|(value, test)| Ok((items.reader(value)?, test)))
            .collect::<Result<Vec<_>>>()?;
        let results: BooleanArray = items
            .rows()
            .map(|mut row| {
                Some(row.any(|item| {
                    readers.iter().all(|(reader, test)| test.holds_for(reader.get(item).as_deref()))
                }))
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(results)))
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ItemValues {
    value: ItemValue,
    signature: Signature,
}

impl ScalarUDFImpl for ItemValues {
    fn name(&self) -> &'static str {
        "item_values"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let arrays = super::arrays(&arguments)?;
        let items = Items::new(&arrays[0])?;
        let reader = items.reader(&self.value)?;
        let texts: Vec<Option<String>> = items
            .rows()
            .map(|row| {
                let elements: Vec<String> =
                    row.filter_map(|item| reader.get(item)).map(Cow::into_owned).collect();
                (!elements.is_empty()).then(|| serde_json::Value::from(elements).to_string())
            })
            .collect();
        Ok(ColumnarValue::Array(Arc::new(StringArray::from(texts))))
    }
}
