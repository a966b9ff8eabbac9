//! `AnyValue` and `KeyValue` of `opentelemetry/proto/common/v1/common.proto`.

use std::borrow::Cow;

use super::span::{message, text, unfit};
use crate::set_aside::Reason;
use crate::text::{Value, canonical};

/// Reads one `KeyValue` of an attribute list, its value in canonical text.
pub(super) fn attribute(bytes: &[u8], depth: usize) -> Result<(String, String), Reason> {
    let (key, value) = key_value(bytes, depth)?;
    Ok((key.to_owned(), canonical(value)))
}

fn key_value(bytes: &[u8], depth: usize) -> Result<(&str, Value<'_>), Reason> {
    let mut key = "";
    let mut value = Value::Empty;
    message(bytes, |number, wire| {
        match number {
            1 => key = text(wire)?,
            2 => any_value(wire.bytes().ok_or_else(unfit)?, &mut value, depth)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok((key, value))
}

/// Reads into `value`: of a `oneof` the last member wins, and a list given in pieces is one list.
/// `depth` is how many more levels of arrays and maps may follow.
fn any_value<'a>(bytes: &'a [u8], value: &mut Value<'a>, depth: usize) -> Result<(), Reason> {
    message(bytes, |number, wire| {
        match number {
            1 => *value = Value::String(Cow::Borrowed(text(wire)?)),
            2 => *value = Value::Boolean(wire.number().ok_or_else(unfit)? != 0),
            // int64 in two's complement.
            3 => *value = Value::Integer(wire.number().ok_or_else(unfit)?.cast_signed().into()),
            4 => match wire {
                super::wire::Wire::Fixed64(bits) => *value = Value::Double(f64::from_bits(bits)),
                _ => return Err(unfit()),
            },
            5 => {
                let depth = depth.checked_sub(1).ok_or(Reason::NestedTooDeep)?;
                let mut elements = match std::mem::take(value) {
                    Value::Array(elements) => elements,
                    _ => Vec::new(),
                };
                message(wire.bytes().ok_or_else(unfit)?, |number, wire| {
                    if number == 1 {
                        let mut element = Value::Empty;
                        any_value(wire.bytes().ok_or_else(unfit)?, &mut element, depth)?;
                        elements.push(element);
                    }
                    Ok(())
                })?;
                *value = Value::Array(elements);
            }
            6 => {
                let depth = depth.checked_sub(1).ok_or(Reason::NestedTooDeep)?;
                let mut members = match std::mem::take(value) {
                    Value::Map(members) => members,
                    _ => Vec::new(),
                };
                message(wire.bytes().ok_or_else(unfit)?, |number, wire| {
                    if number == 1 {
                        let (key, member) = key_value(wire.bytes().ok_or_else(unfit)?, depth)?;
                        members.push((Cow::Borrowed(key), member));
                    }
                    Ok(())
                })?;
                *value = Value::Map(members);
            }
            7 => *value = Value::Bytes(Cow::Borrowed(wire.bytes().ok_or_else(unfit)?)),
            _ => {}
        }
        Ok(())
    })
}
