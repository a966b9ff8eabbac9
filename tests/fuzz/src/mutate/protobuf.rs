//! Changes of fields of a protobuf message, with the lengths around them set right again.
//!
//! The schema is not known: what has a length is taken for a message where it reads as one.

use fastrand::Rng;

use super::amount::{copies, times};

/// The depth to which messages are read.
const MOST_DEPTH: usize = 12;

/// One field: its key (number and wire type) and what it holds.
#[derive(Clone)]
struct Field {
    key: u64,
    content: Content,
}

#[derive(Clone)]
enum Content {
    Varint(u64),
    /// Four or eight bytes.
    Fixed(Vec<u8>),
    Bytes(Vec<u8>),
    Message(Vec<Field>),
}

/// `input` with one field changed; none where it is no message.
pub(super) fn change(input: &[u8], random: &mut Rng) -> Option<Vec<u8>> {
    let mut fields = read(input, 0).filter(|fields| !fields.is_empty())?;
    let steps = random.usize(..MOST_DEPTH);
    change_below(&mut fields, steps, random);
    let mut changed = Vec::new();
    write(&fields, &mut changed);
    Some(changed)
}

fn change_below(fields: &mut Vec<Field>, steps: usize, random: &mut Rng) {
    if fields.is_empty() {
        return;
    }
    let at = random.usize(..fields.len());
    if let (true, Content::Message(inner)) = (steps > 0, &mut fields[at].content) {
        return change_below(inner, steps - 1, random);
    }
    match random.u8(..9) {
        0 => drop(fields.remove(at)),
        1 => {
            let field = fields[at].clone();
            let mut written = Vec::new();
            write(std::slice::from_ref(&field), &mut written);
            let copies = copies(written.len(), random);
            fields.extend(std::iter::repeat_n(field, copies));
        }
        2 => {
            let to = random.usize(..fields.len());
            fields.swap(at, to);
        }
        // Another number, the same content.
        3 => fields[at].key = (random.u64(1..20) << 3) | (fields[at].key & 7),
        // Another wire type, whose content follows as it may.
        4 => fields[at].key = (fields[at].key & !7) | random.u64(..8),
        5 => {
            let field = fields[at].clone();
            let depth = times(random).min(2000);
            let nested = (0..depth)
                .fold(field, |inner, _| Field { key: inner.key, content: Content::Message(vec![inner]) });
            fields[at] = nested;
        }
        _ => fields[at].content = hostile(&fields[at].content, random),
    }
}

fn hostile(content: &Content, random: &mut Rng) -> Content {
    match content {
        Content::Varint(value) => Content::Varint(
            random
                .choice([0, 1, u64::MAX, 1 << 63, i64::MAX.cast_unsigned(), value.wrapping_add(1), 7])
                .unwrap_or(0),
        ),
        Content::Fixed(bytes) => {
            let byte = random.choice([0, 0xff, 0x7f, 0x80]).unwrap_or(0);
            Content::Fixed(vec![byte; bytes.len()])
        }
        Content::Bytes(_) | Content::Message(_) => {
            let length = random.choice([0, 1, 7, 8, 9, 15, 16, 17, 300]).unwrap_or(0);
            let byte = random.choice([0, b'a', 0xff, 0xc3]).unwrap_or(0);
            Content::Bytes(vec![byte; length])
        }
    }
}

/// The fields of a message; none where it is not one.
fn read(mut bytes: &[u8], depth: usize) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let content = match key & 7 {
            0 => Content::Varint(varint(&mut bytes)?),
            1 => Content::Fixed(bytes.split_off(..8)?.to_vec()),
            5 => Content::Fixed(bytes.split_off(..4)?.to_vec()),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let inner = bytes.split_off(..length)?;
                let message =
                    (depth < MOST_DEPTH && !inner.is_empty()).then(|| read(inner, depth + 1)).flatten();
                message.map_or_else(|| Content::Bytes(inner.to_vec()), Content::Message)
            }
            _ => return None,
        };
        if key >> 3 == 0 {
            return None;
        }
        fields.push(Field { key, content });
    }
    Some(fields)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn write(fields: &[Field], bytes: &mut Vec<u8>) {
    for field in fields {
        write_varint(field.key, bytes);
        match &field.content {
            Content::Varint(value) => write_varint(*value, bytes),
            Content::Fixed(fixed) => bytes.extend_from_slice(fixed),
            Content::Bytes(inner) => {
                write_varint(inner.len() as u64, bytes);
                bytes.extend_from_slice(inner);
            }
            Content::Message(inner) => {
                let mut message = Vec::new();
                write(inner, &mut message);
                write_varint(message.len() as u64, bytes);
                bytes.extend_from_slice(&message);
            }
        }
    }
}

fn write_varint(mut value: u64, bytes: &mut Vec<u8>) {
    loop {
        let byte = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        if value == 0 {
            bytes.push(byte);
            return;
        }
        bytes.push(byte | 0x80);
    }
}
