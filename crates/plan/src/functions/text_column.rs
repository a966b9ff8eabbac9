//! Reads a text column of whatever Arrow type it has, and maps it value by value.
//!
//! Attribute columns are dictionaries: the work is done once for each distinct value of a batch and spread over
//! the rows by key. Plain text (map entries, other readers' files) comes sorted by service often enough that
//! remembering the last value pays.

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};
use datafusion::common::{Result, exec_err};

/// A text column: dictionary keys into values, or values alone.
pub(super) struct TextColumn {
    keys: Option<ArrayRef>,
    values: StringArray,
}

impl TextColumn {
    /// Returns whether [`TextColumn::new`] takes the type.
    pub(super) fn accepts(data_type: &DataType) -> bool {
        match data_type {
            DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 | DataType::Null => true,
            DataType::Dictionary(_, values) => Self::accepts(values),
            _ => false,
        }
    }

    pub(super) fn new(array: &ArrayRef) -> Result<Self> {
        match array.data_type() {
            DataType::Dictionary(keys, values) if **keys == DataType::Int32 && **values == DataType::Utf8 => {
                let dictionary = array.as_dictionary::<Int32Type>();
                Ok(Self { keys: Some(array.clone()), values: dictionary.values().as_string::<i32>().clone() })
            }
            data_type if Self::accepts(data_type) => {
                Ok(Self { keys: None, values: cast(array, &DataType::Utf8)?.as_string::<i32>().clone() })
            }
            other => exec_err!("a text column was expected, not one of {other}"),
        }
    }

    /// `f` of each row's text; `None` where the row has none.
    pub(super) fn map<T: Clone>(&self, mut f: impl FnMut(&str) -> T) -> Vec<Option<T>> {
        if let Some(keys) = &self.keys {
            let dictionary = keys.as_dictionary::<Int32Type>();
            let mut memo: Vec<Option<T>> = vec![None; self.values.len()];
            return dictionary
                .keys_iter()
                .map(|key| {
                    let key = key?;
                    if self.values.is_null(key) {
                        return None;
                    }
                    Some(memo[key].get_or_insert_with(|| f(self.values.value(key))).clone())
                })
                .collect();
        }
        let mut last: Option<(&str, T)> = None;
        self.values
            .iter()
            .map(|text| {
                let text = text?;
                match &last {
                    Some((seen, result)) if *seen == text => Some(result.clone()),
                    _ => {
                        let result = f(text);
                        last = Some((text, result.clone()));
                        Some(result)
                    }
                }
            })
            .collect()
    }

    /// The row's text.
    pub(super) fn get(&self, row: usize) -> Option<&str> {
        let at = match &self.keys {
            Some(keys) => {
                let dictionary = keys.as_dictionary::<Int32Type>();
                dictionary.key(row)?
            }
            None => row,
        };
        self.values.is_valid(at).then(|| self.values.value(at))
    }
}
