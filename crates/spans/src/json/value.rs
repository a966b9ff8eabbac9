//! `AnyValue` and lists of `KeyValue` in JSON.

use std::borrow::Cow;

use super::scanner::{Fault, Scanner, UNFIT};
use crate::set_aside::Reason;
use crate::text::{Value, canonical};

/// Appends attributes, values in canonical text.
pub(super) fn attributes(
    scanner: &mut Scanner<'_>,
    into: &mut Vec<(String, String)>,
    depth: usize,
) -> Result<(), Fault> {
    scanner.array(|scanner| {
        let (key, value) = key_value(scanner, depth)?;
        into.push((key.into_owned(), canonical(value)));
        Ok(())
    })
}

/// The collector leaves out even the key when it is empty.
fn key_value<'a>(scanner: &mut Scanner<'a>, depth: usize) -> Result<(Cow<'a, str>, Value<'a>), Fault> {
    let mut key = Cow::Borrowed("");
    let mut value = Value::Empty;
    scanner.object(|scanner, member| match member {
        "key" => scanner.text().map(|text| key = text),
        "value" => any_value(scanner, depth).map(|read| value = read),
        _ => scanner.skip(),
    })?;
    Ok((key, value))
}

/// `depth` is how many more levels of arrays and maps may follow. Of several members the last wins, as
/// in protobuf's `oneof`; `null` is a member that is not set.
fn any_value<'a>(scanner: &mut Scanner<'a>, depth: usize) -> Result<Value<'a>, Fault> {
    let mut value = Value::Empty;
    scanner.object(|scanner, member| {
        match member {
            "stringValue" | "string_value" => {
                // Null is told from empty text, so this is not `Scanner::text`.
                if scanner.peek() == Some(b'"') {
                    value = Value::String(scanner.string()?);
                } else if !scanner.text()?.is_empty() {
                    return Err(UNFIT);
                }
            }
            "intValue" | "int_value" => {
                if let Some(integer) = scanner.integer()? {
                    // Unsigned integers above i64 are met; beyond 64 bits it is no integer of OTLP's.
                    if integer < i64::MIN.into() || integer > u64::MAX.into() {
                        return Err(UNFIT);
                    }
                    value = Value::Integer(integer);
                }
            }
            "boolValue" | "bool_value" => set(&mut value, scanner.boolean()?.map(Value::Boolean)),
            "doubleValue" | "double_value" => set(&mut value, scanner.double()?.map(Value::Double)),
            "bytesValue" | "bytes_value" => {
                set(&mut value, scanner.bytes()?.map(|bytes| Value::Bytes(bytes.into())));
            }
            "arrayValue" | "array_value" => {
                let depth = depth.checked_sub(1).ok_or(Fault::Unfit(Reason::NestedTooDeep))?;
                let mut elements = Vec::new();
                let set = scanner.peek() != Some(b'n');
                values(scanner, |scanner| {
                    elements.push(any_value(scanner, depth)?);
                    Ok(())
                })?;
                if set {
                    value = Value::Array(elements);
                }
            }
            "kvlistValue" | "kvlist_value" => {
                let depth = depth.checked_sub(1).ok_or(Fault::Unfit(Reason::NestedTooDeep))?;
                let mut members = Vec::new();
                let set = scanner.peek() != Some(b'n');
                values(scanner, |scanner| {
                    members.push(key_value(scanner, depth)?);
                    Ok(())
                })?;
                if set {
                    value = Value::Map(members);
                }
            }
            _ => scanner.skip()?,
        }
        Ok(())
    })?;
    Ok(value)
}

fn set<'a>(value: &mut Value<'a>, read: Option<Value<'a>>) {
    if let Some(read) = read {
        *value = read;
    }
}

/// The list inside `{"values": [ … ]}`; left out when it is empty.
fn values<'a>(
    scanner: &mut Scanner<'a>,
    mut element: impl FnMut(&mut Scanner<'a>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    scanner.object(|scanner, member| match member {
        "values" => scanner.array(&mut element),
        _ => scanner.skip(),
    })
}
