//! `AnyValue` and `KeyValue` of `opentelemetry/proto/common/v1/common.proto`.

use super::message::message;
use super::wire::Wire;
use crate::mend::Mend;
use crate::mending::{Attribute, AttributeList, Declared, Mending, UNREAD};
use crate::received::Received;
use crate::text::Value;

/// Reads one `KeyValue` of an attribute list, its value in canonical text.
pub(super) fn attribute(wire: Wire<'_>, into: &mut AttributeList, mending: &mut Mending<'_>) {
    let depth = mending.limits().depth();
    if mending.has_room_for_attribute(into) {
        let room = mending.room();
        let attribute = key_value(wire, mending, depth);
        mending.keep(into, room, attribute);
    }
}

/// Reads a `KeyValue`. `depth` is how many more levels of arrays and maps may follow.
fn key_value<'a>(wire: Wire<'a>, mending: &mut Mending<'_>, depth: usize) -> Attribute<'a> {
    let Some(bytes) = wire.bytes() else {
        mending.note(Mend::NoMeaning);
        return (None, None);
    };
    let (mut key, mut value) = UNREAD;
    let whole = message(bytes, mending, |number, wire, mending| match number {
        1 => key = mending.key(wire.received()),
        2 => any_value(wire, &mut value, mending, depth),
        _ => {}
    });
    // The value may have come after the break.
    if whole { (key, value) } else { (None, None) }
}

/// Reads into `value`, which is none once it was left out: of a `oneof` the last member wins, and a list given in pieces
/// is one list. A part of a value would be another value, so one that breaks off is left out.
fn any_value<'a>(wire: Wire<'a>, value: &mut Option<Value<'a>>, mending: &mut Mending<'_>, depth: usize) {
    let Some(bytes) = wire.bytes() else {
        mending.set(value, Declared::Nothing, wire.received());
        return;
    };
    let whole = message(bytes, mending, |number, wire, mending| match number {
        1 => mending.set(value, Declared::Text, wire.received()),
        2 => {
            let received = match wire {
                Wire::Varint(number) => Received::Boolean(number != 0),
                other => other.received(),
            };
            mending.set(value, Declared::Boolean, received);
        }
        // int64 in two's complement.
        3 => {
            let received = match wire {
                Wire::Varint(number) | Wire::Fixed64(number) => {
                    Received::Integer(number.cast_signed().into())
                }
                other => other.received(),
            };
            mending.set(value, Declared::Integer, received);
        }
        4 => match wire {
            Wire::Fixed64(bits) => *value = Some(Value::Double(f64::from_bits(bits))),
            // A `float`, of which the double is exact.
            Wire::Fixed32(bits) => {
                let double = Received::Double(f32::from_bits(bits).into());
                mending.set(value, Declared::Nothing, double);
            }
            // A number, but no double: not one in its bits.
            other => mending.set(value, Declared::Nothing, other.received()),
        },
        5 => array(wire, value, mending, depth),
        6 => map(wire, value, mending, depth),
        7 => match wire {
            Wire::Bytes(bytes) => *value = Some(Value::Bytes(bytes.into())),
            other => mending.set(value, Declared::Nothing, other.received()),
        },
        _ => {}
    });
    if !whole {
        *value = None;
    }
}

fn array<'a>(wire: Wire<'a>, value: &mut Option<Value<'a>>, mending: &mut Mending<'_>, depth: usize) {
    let Some((bytes, depth)) = list(wire, value, mending, depth) else { return };
    let mut elements = match value.take() {
        Some(Value::Array(elements)) => Some(elements),
        _ => Some(Vec::new()),
    };
    let whole = message(bytes, mending, |number, wire, mending| {
        if number == 1 {
            match elements.as_mut().filter(|_| mending.has_room_in_value(false)) {
                Some(elements) => {
                    let mut element = Some(Value::Empty);
                    any_value(wire, &mut element, mending, depth);
                    elements.push(element.unwrap_or_default());
                }
                None => elements = None,
            }
        }
    });
    *value = elements.filter(|_| whole).map(Value::Array);
}

fn map<'a>(wire: Wire<'a>, value: &mut Option<Value<'a>>, mending: &mut Mending<'_>, depth: usize) {
    let Some((bytes, depth)) = list(wire, value, mending, depth) else { return };
    let mut members = match value.take() {
        Some(Value::Map(members)) => Some(members),
        _ => Some(Vec::new()),
    };
    let whole = message(bytes, mending, |number, wire, mending| {
        if number == 1 {
            match members.as_mut().filter(|_| mending.has_room_in_value(true)) {
                Some(members) => {
                    let (key, value) = key_value(wire, mending, depth);
                    members.extend(key.zip(value));
                }
                None => members = None,
            }
        }
    });
    *value = members.filter(|_| whole).map(Value::Map);
}

/// The bytes of an array or map, and the levels that may follow in it. None where there is none: then `value` is what else
/// there is.
fn list<'a>(
    wire: Wire<'a>,
    value: &mut Option<Value<'a>>,
    mending: &mut Mending<'_>,
    depth: usize,
) -> Option<(&'a [u8], usize)> {
    let Some(bytes) = wire.bytes() else {
        mending.set(value, Declared::Nothing, wire.received());
        return None;
    };
    let Some(depth) = depth.checked_sub(1) else {
        mending.note(Mend::NestedTooDeep);
        *value = None;
        return None;
    };
    Some((bytes, depth))
}
