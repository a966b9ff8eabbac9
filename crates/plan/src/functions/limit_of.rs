//! The limits of a span's group, from the texts of its group keys.
//!
//! Texts are looked up once for each value of a dictionary, and rows of the table once for each combination of these: the
//! cost of a span does not depend on the number of rows.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, Int64Array};
use arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use fluo_rules::limits::{Limits, Symbol};
use fluo_rules::matcher::{Number, Value};

use super::text_column::TextColumn;

/// The limit at a place of the table, of the group with these keys: nanoseconds or a whole number (`Int64`), or a number
/// (`Float64`); none where it has no value.
pub(crate) fn limit_of(limits: &Arc<Limits>, place: usize, keys: Vec<Expr>) -> Expr {
    call(limits, Asked::Limit(place), keys)
}

/// Returns whether the group with these keys has a row.
pub(crate) fn has_row(limits: &Arc<Limits>, keys: Vec<Expr>) -> Expr {
    call(limits, Asked::Row, keys)
}

fn call(limits: &Arc<Limits>, asked: Asked, keys: Vec<Expr>) -> Expr {
    let name = match asked {
        Asked::Row => "has_limits".to_owned(),
        Asked::Limit(place) => limits.names().get(place).map(|limit| limit.name.clone()).unwrap_or_default(),
    };
    let signature = Signature::variadic_any(Volatility::Immutable);
    ScalarUDF::new_from_impl(LimitOf { name, limits: Arc::clone(limits), asked, signature }).call(keys)
}

/// The question that is asked of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Asked {
    /// The question whether it has a row.
    Row,
    /// The limit at a place.
    Limit(usize),
}

struct LimitOf {
    name: String,
    limits: Arc<Limits>,
    asked: Asked,
    signature: Signature,
}

impl fmt::Debug for LimitOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl PartialEq for LimitOf {
    fn eq(&self, other: &Self) -> bool {
        self.asked == other.asked && (Arc::ptr_eq(&self.limits, &other.limits) || self.limits == other.limits)
    }
}

impl Eq for LimitOf {}

impl Hash for LimitOf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.asked, &self.name, self.limits.rows().len()).hash(state);
    }
}

/// The row of each group, by the texts of its keys.
fn rows_of(limits: &Limits, keys: &[ArrayRef], count: usize) -> Result<Vec<Option<usize>>> {
    let mut columns = Vec::with_capacity(keys.len());
    for (place, key) in keys.iter().enumerate() {
        columns.push(TextColumn::new(key)?.map(|text| limits.symbol(place, Some(text))));
    }
    let symbol = |place: usize, at: usize| columns[place][at].unwrap_or_else(|| limits.symbol(place, None));
    // Most tables have one key or two, and a number is looked up faster than a list.
    Ok(match columns.len() {
        1 => each(count, |at| symbol(0, at), |one| limits.place_of(&[*one])),
        2 => {
            let pair = |at| (symbol(0, at), symbol(1, at));
            each(count, pair, |(one, two)| limits.place_of(&[*one, *two]))
        }
        keys => {
            let group = |at| (0..keys).map(|place| symbol(place, at)).collect::<Vec<Symbol>>();
            each(count, group, |group| limits.place_of(group))
        }
    })
}

/// The row of each group; that of equal ones is found once.
fn each<Key: Eq + Hash + Clone>(
    count: usize,
    group: impl Fn(usize) -> Key,
    row: impl Fn(&Key) -> Option<usize>,
) -> Vec<Option<usize>> {
    let mut known: HashMap<Key, Option<usize>> = HashMap::new();
    let mut last: Option<(Key, Option<usize>)> = None;
    let rows = (0..count).map(|at| {
        let group = group(at);
        // Equal rows tend to lie together.
        if let Some((before, row)) = &last
            && *before == group
        {
            return *row;
        }
        let row = *known.entry(group.clone()).or_insert_with_key(&row);
        last = Some((group, row));
        row
    });
    rows.collect()
}

impl ScalarUDFImpl for LimitOf {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        if let Some(other) = arguments.iter().find(|data_type| !TextColumn::accepts(data_type)) {
            return plan_err!("limits are looked up by texts, not by {other}");
        }
        Ok(match self.asked {
            Asked::Row => DataType::Boolean,
            Asked::Limit(place) if self.limits.is_whole(place) => DataType::Int64,
            Asked::Limit(_) => DataType::Float64,
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = rows_of(&self.limits, &super::arrays(&arguments)?, arguments.number_rows)?;
        let value = |place: usize, row: Option<usize>| self.limits.rows()[row?].values.get(place)?.as_ref();
        let array: ArrayRef = match self.asked {
            Asked::Row => Arc::new(rows.into_iter().map(|row| Some(row.is_some())).collect::<BooleanArray>()),
            Asked::Limit(place) if self.limits.is_whole(place) => {
                let whole = |row| match value(place, row)? {
                    Value::Number(Number::Int(int)) => Some(*int),
                    Value::Duration(nanos) => Some(nanos.0),
                    _ => None,
                };
                Arc::new(rows.into_iter().map(whole).collect::<Int64Array>())
            }
            Asked::Limit(place) => {
                let number = |row| match value(place, row)? {
                    Value::Number(number) => Some(number.as_f64()),
                    _ => None,
                };
                Arc::new(rows.into_iter().map(number).collect::<Float64Array>())
            }
        };
        Ok(ColumnarValue::Array(array))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{DictionaryArray, StringArray};
    use arrow::datatypes::Int32Type;
    use fluo_rules::{SourceFile, load};

    use super::*;

    #[test]
    fn rows_are_found_by_dictionaries_and_by_plain_texts() {
        let text = "- {name: r, span: {}, group_by: [service_name, name], condition: count > limit.n, limits: [\
                    {service_name: a, name: x, n: 1}, {name: ~, n: 2}, {service_name: a, n: 3}, {service_name: b, name: y, n: 4}]}";
        let limits = load(&[SourceFile::new("r.yml", text)]).rules.remove(0).limits.unwrap();
        let groups = [
            (Some("a"), Some("x"), Some(0)),
            (Some("a"), Some("x"), Some(0)),
            (Some("a"), None, Some(1)),
            (None, None, Some(1)),
            (Some("a"), Some("z"), Some(2)),
            (Some("b"), Some("y"), Some(3)),
            (Some("b"), Some("x"), None),
            (None, Some("x"), None),
        ];
        let services: DictionaryArray<Int32Type> = groups.iter().map(|(service, ..)| *service).collect();
        let names: StringArray = groups.iter().map(|(_, name, _)| *name).collect();
        let keys: Vec<ArrayRef> = vec![Arc::new(services), Arc::new(names)];
        let found = rows_of(&limits, &keys, groups.len()).unwrap();
        assert_eq!(found, groups.map(|(.., row)| row));
    }
}
