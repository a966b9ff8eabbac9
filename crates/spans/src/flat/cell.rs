//! The values of cells, whatever their type.

use std::ops::Range;

use arrow::array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::array::{Array, ArrayRef, AsArray, StructArray};
use arrow::compute::kernels::cast_utils::string_to_timestamp_nanos;
use arrow::datatypes::{DataType, TimeUnit};

use super::columns::letters;
use crate::id::Id;
use crate::json;
use crate::mend::Mend;
use crate::mending::{AttributeList, Mending};
use crate::received::{Received, Text, double, integer};

const NS_PER_MS: i128 = 1_000_000;

/// A place in a column.
#[derive(Clone, Copy)]
pub(super) struct Cell<'a> {
    pub(super) array: &'a ArrayRef,
    pub(super) at: usize,
}

/// The unit of integers that stand for times.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Nanoseconds,
    Milliseconds,
}

impl<'a> Cell<'a> {
    /// Its value. Timestamps are nanoseconds; what is no single value is a structure.
    pub(super) fn value(self) -> Received<'a> {
        if self.is_null() {
            return Received::Nothing;
        }
        let Self { array, at } = self;
        match array.data_type() {
            DataType::Boolean => Received::Boolean(array.as_boolean().value(at)),
            DataType::Int8 => self.whole::<Int8Type>(1),
            DataType::Int16 => self.whole::<Int16Type>(1),
            DataType::Int32 => self.whole::<Int32Type>(1),
            DataType::Int64 => self.whole::<Int64Type>(1),
            DataType::UInt8 => self.whole::<UInt8Type>(1),
            DataType::UInt16 => self.whole::<UInt16Type>(1),
            DataType::UInt32 => self.whole::<UInt32Type>(1),
            DataType::UInt64 => self.whole::<UInt64Type>(1),
            DataType::Float32 => Received::Double(array.as_primitive::<Float32Type>().value(at).into()),
            DataType::Float64 => Received::Double(array.as_primitive::<Float64Type>().value(at)),
            DataType::Timestamp(TimeUnit::Second, _) => self.whole::<TimestampSecondType>(1_000 * NS_PER_MS),
            DataType::Timestamp(TimeUnit::Millisecond, _) => {
                self.whole::<TimestampMillisecondType>(NS_PER_MS)
            }
            DataType::Timestamp(TimeUnit::Microsecond, _) => self.whole::<TimestampMicrosecondType>(1_000),
            DataType::Timestamp(TimeUnit::Nanosecond, _) => self.whole::<TimestampNanosecondType>(1),
            _ => self.bytes().map_or(Received::Structure, |bytes| Received::Text(Text::plain(bytes))),
        }
    }

    /// Returns whether there is none.
    pub(super) fn is_null(self) -> bool {
        // A column of nulls has no list of them.
        let Self { array, at } = self;
        at >= array.len() || array.is_null(at) || array.data_type() == &DataType::Null
    }

    fn bytes(self) -> Option<&'a [u8]> {
        let Self { array, at } = self;
        Some(match array.data_type() {
            DataType::Utf8 => array.as_string::<i32>().value(at).as_bytes(),
            DataType::Utf8View => array.as_string_view().value(at).as_bytes(),
            DataType::Binary => array.as_binary::<i32>().value(at),
            DataType::BinaryView => array.as_binary_view().value(at),
            DataType::FixedSizeBinary(_) => array.as_fixed_size_binary().value(at),
            _ => return None,
        })
    }

    fn whole<T: ArrowPrimitiveType<Native: Into<i128>>>(self, unit: i128) -> Received<'a> {
        let number: i128 = self.array.as_primitive::<T>().value(self.at).into();
        Received::Integer(number * unit)
    }

    /// Its value where it should be a time. Integers are of a unit; text that is a date is one.
    pub(super) fn time(self, unit: Unit) -> Received<'a> {
        match self.value() {
            Received::Integer(number) if self.is_integer() => Received::Integer(in_nanoseconds(number, unit)),
            other => dated(other),
        }
    }

    /// Its value where it should be a length of time.
    pub(super) fn duration(self, unit: Unit) -> Received<'a> {
        match self.value() {
            // The collector's exporter writes a negative one into an unsigned column.
            Received::Integer(number) if number > i64::MAX.into() => {
                Received::Integer(in_nanoseconds(number - (1 << 64), unit))
            }
            Received::Integer(number) => Received::Integer(in_nanoseconds(number, unit)),
            other => other,
        }
    }

    /// Its value where it should be an id. A column of values of that length has bytes; of others, nobody knows.
    pub(super) fn id<const N: usize>(self) -> Id<N> {
        let has_bytes = matches!(self.array.data_type(), DataType::FixedSizeBinary(_));
        match self.value() {
            Received::Text(bytes) if has_bytes => <[u8; N]>::try_from(bytes.raw())
                .map_or_else(|_| Id::of_text(Received::Text(bytes)), Id::Bytes),
            other => Id::of_table(other),
        }
    }

    fn is_integer(self) -> bool {
        self.array.data_type().is_integer()
    }

    /// The items of a list; none where there is no list, an empty range where it is null.
    pub(super) fn items(self) -> Option<(&'a ArrayRef, Range<usize>)> {
        let DataType::List(_) = self.array.data_type() else { return None };
        let list = self.array.as_list::<i32>();
        Some((list.values(), self.range(list.value_offsets())))
    }

    fn range(self, offsets: &[i32]) -> Range<usize> {
        let offset = |at: usize| offsets.get(at).and_then(|offset| usize::try_from(*offset).ok());
        if self.array.is_null(self.at) {
            return 0..0;
        }
        offset(self.at).zip(offset(self.at + 1)).map_or(0..0, |(from, to)| from..to)
    }

    /// Appends the attributes in it: a map, a list of pairs, or an object in JSON text.
    pub(super) fn attributes(self, into: &mut AttributeList, mending: &mut Mending<'_>) {
        if self.is_null() {
            return;
        }
        let array = self.array;
        if let DataType::Map(..) = array.data_type() {
            let map = array.as_map();
            pairs(map.keys(), map.values(), self.range(map.value_offsets()), into, mending);
        } else if let Some((items, range)) = self.items()
            && let Some(items) = items.as_struct_opt()
            && let (Some(keys), Some(values)) = (field(items, "key"), field(items, "value"))
        {
            pairs(keys, values, range, into, mending);
        } else if let Some(text) = self.bytes() {
            json::plain::attributes(text, into, mending);
        } else {
            mending.note(Mend::NoMeaning);
        }
    }
}

fn pairs(
    keys: &ArrayRef,
    values: &ArrayRef,
    range: Range<usize>,
    into: &mut AttributeList,
    mending: &mut Mending<'_>,
) {
    for at in range {
        if mending.has_room_for_attribute(into) {
            let room = mending.room();
            let key = mending.key(Cell { array: keys, at }.value());
            let value = mending.plain(Cell { array: values, at }.value());
            mending.keep(into, room, (key, value));
        }
    }
}

/// A field of structures, in any of its spellings.
pub(super) fn field<'a>(structures: &'a StructArray, name: &str) -> Option<&'a ArrayRef> {
    let place = structures.column_names().iter().position(|known| letters(known) == name)?;
    structures.columns().get(place)
}

fn in_nanoseconds(number: i128, unit: Unit) -> i128 {
    match unit {
        Unit::Nanoseconds => number,
        Unit::Milliseconds => number * NS_PER_MS,
    }
}

/// A value, or the time that it spells: `2024-05-01 12:00:00.123456789`, which is UTC where it does not say else.
fn dated(received: Received<'_>) -> Received<'_> {
    let Received::Text(text) = received else { return received };
    let word = text.word();
    let word = word.trim();
    if integer(word).is_some() || double(word).is_some() {
        return received;
    }
    string_to_timestamp_nanos(word).map_or(received, |time| Received::Integer(time.into()))
}
