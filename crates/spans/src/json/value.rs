//! `AnyValue` and lists of `KeyValue` in JSON.
//!
//! Plain JSON that stands where an `AnyValue` must is read for what it is, and an object that stands where a list of
//! `KeyValue` must is read as its members: both are met, and what they mean is clear.

use std::borrow::Cow;

use super::scanner::{Scanner, Syntax};
use crate::mend::Mend;
use crate::mending::{Attribute, AttributeList, Declared, Mending, UNREAD};
use crate::received::{Received, Text};
use crate::text::Value;

/// Appends attributes, values in canonical text.
pub(super) fn attributes(
    scanner: &mut Scanner<'_>,
    into: &mut AttributeList,
    mending: &mut Mending<'_>,
) -> Result<(), Syntax> {
    let depth = mending.limits().depth();
    pairs(scanner, mending, |scanner, mending, at| {
        if !mending.has_room_for_attribute(into) {
            return scanner.skip();
        }
        let room = mending.room();
        let attribute = pair(scanner, at, mending, depth)?;
        mending.keep(into, room, attribute);
        Ok(())
    })
}

/// A place where a pair stands.
#[derive(Clone, Copy)]
enum Pair<'a> {
    /// An element of a list: the pair is an object of its key and its value.
    Element,
    /// A member of an object: the pair's value stands here.
    Member(Text<'a>),
}

/// Calls `each` at each pair of a list or an object, which must read it.
fn pairs<'a>(
    scanner: &mut Scanner<'a>,
    mending: &mut Mending<'_>,
    mut each: impl FnMut(&mut Scanner<'a>, &mut Mending<'_>, Pair<'a>) -> Result<(), Syntax>,
) -> Result<(), Syntax> {
    if scanner.peek() == Some(b'{') {
        mending.note(Mend::OtherType);
        scanner.members(|scanner, key| each(scanner, mending, Pair::Member(key)))?;
    } else if !scanner.array(|scanner| each(scanner, mending, Pair::Element))? {
        mending.note(Mend::NoMeaning);
    }
    Ok(())
}

/// `depth` is how many more levels of arrays and maps may follow. The collector leaves out even the key when it is empty.
fn pair<'a>(
    scanner: &mut Scanner<'a>,
    at: Pair<'a>,
    mending: &mut Mending<'_>,
    depth: usize,
) -> Result<Attribute<'a>, Syntax> {
    if let Pair::Member(key) = at {
        return Ok((mending.key(Received::Text(key)), any_value(scanner, mending, depth)?));
    }
    let (mut key, mut value) = UNREAD;
    let is_pair = scanner.object(|scanner, member| {
        match member {
            "key" => key = mending.key(scanner.value()?),
            "value" => value = any_value(scanner, mending, depth)?,
            _ => scanner.skip()?,
        }
        Ok(())
    })?;
    if !is_pair {
        mending.note(Mend::NoMeaning);
        return Ok((None, None));
    }
    Ok((key, value))
}

/// None where it was left out. Of several members the last wins, as in protobuf's `oneof`; `null` is a member that is not
/// set.
fn any_value<'a>(
    scanner: &mut Scanner<'a>,
    mending: &mut Mending<'_>,
    depth: usize,
) -> Result<Option<Value<'a>>, Syntax> {
    let mut value = Some(Value::Empty);
    match scanner.peek() {
        Some(b'{') => {}
        Some(b'[') => {
            array(scanner, mending, depth, &mut value)?;
            return Ok(value);
        }
        _ => {
            mending.set(&mut value, Declared::Nothing, scanner.value()?);
            return Ok(value);
        }
    }
    scanner.object(|scanner, member| {
        let declared = match member {
            "stringValue" | "string_value" => Declared::Text,
            "intValue" | "int_value" => Declared::Integer,
            "boolValue" | "bool_value" => Declared::Boolean,
            "doubleValue" | "double_value" => Declared::Double,
            "bytesValue" | "bytes_value" => {
                mending.set_base64(&mut value, scanner.value()?);
                return Ok(());
            }
            "arrayValue" | "array_value" => return array(scanner, mending, depth, &mut value),
            "kvlistValue" | "kvlist_value" => return map(scanner, mending, depth, &mut value),
            _ => return scanner.skip(),
        };
        mending.set(&mut value, declared, scanner.value()?);
        Ok(())
    })?;
    Ok(value)
}

/// Sets `value` to an array: `{"values": [ … ]}`, whose list is left out when it is empty, or the list alone.
fn array<'a>(
    scanner: &mut Scanner<'a>,
    mending: &mut Mending<'_>,
    depth: usize,
    value: &mut Option<Value<'a>>,
) -> Result<(), Syntax> {
    let mut elements = Some(Vec::new());
    let read = nested(scanner, mending, depth, value, |scanner, mending, depth| {
        let is_list = scanner.array(|scanner| {
            // A part of an array would be another array.
            if let Some(elements) = elements.as_mut().filter(|_| mending.has_room_in_value(false)) {
                elements.push(any_value(scanner, mending, depth)?.unwrap_or_default());
            } else {
                elements = None;
                scanner.skip()?;
            }
            Ok(())
        })?;
        if !is_list {
            mending.note(Mend::NoMeaning);
            elements = None;
        }
        Ok(())
    })?;
    if read {
        *value = elements.map(Value::Array);
    }
    Ok(())
}

/// Sets `value` to a map: `{"values": [ … ]}`, whose list is left out when it is empty.
fn map<'a>(
    scanner: &mut Scanner<'a>,
    mending: &mut Mending<'_>,
    depth: usize,
    value: &mut Option<Value<'a>>,
) -> Result<(), Syntax> {
    let mut members: Option<Vec<(Cow<'a, str>, Value<'a>)>> = Some(Vec::new());
    let read = nested(scanner, mending, depth, value, |scanner, mending, depth| {
        pairs(scanner, mending, |scanner, mending, at| {
            if let Some(members) = members.as_mut().filter(|_| mending.has_room_in_value(true)) {
                let (key, value) = pair(scanner, at, mending, depth)?;
                members.extend(key.zip(value));
            } else {
                members = None;
                scanner.skip()?;
            }
            Ok(())
        })
    })?;
    if read {
        *value = members.map(Value::Map);
    }
    Ok(())
}

/// Hands the list of an array or map to `read`, with the levels that may follow in it. False where there is none: then
/// `value` is what else there is.
fn nested<'a>(
    scanner: &mut Scanner<'a>,
    mending: &mut Mending<'_>,
    depth: usize,
    value: &mut Option<Value<'a>>,
    mut read: impl FnMut(&mut Scanner<'a>, &mut Mending<'_>, usize) -> Result<(), Syntax>,
) -> Result<bool, Syntax> {
    let opening = scanner.peek();
    if !matches!(opening, Some(b'{' | b'[')) {
        mending.set(value, Declared::Nothing, scanner.value()?);
        return Ok(false);
    }
    let Some(depth) = depth.checked_sub(1) else {
        mending.note(Mend::NestedTooDeep);
        scanner.skip()?;
        *value = None;
        return Ok(false);
    };
    if opening == Some(b'[') {
        mending.note(Mend::OtherType);
        read(scanner, mending, depth)?;
    } else {
        scanner.object(|scanner, member| match member {
            "values" => read(scanner, mending, depth),
            _ => scanner.skip(),
        })?;
    }
    Ok(true)
}
