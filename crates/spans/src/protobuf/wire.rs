//! Protobuf's wire format: tags, varints, lengths; nothing of any schema.
//!
//! Source: <https://protobuf.dev/programming-guides/encoding/>. Groups, which that page calls
//! deprecated, are stepped over.

use crate::received::{Received, Text};

/// An error: its problem, and its place, counted from the beginning of the message being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WireError {
    pub(super) offset: usize,
    pub(super) problem: &'static str,
}

/// A field's value as the wire has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire<'a> {
    /// Type 0.
    Varint(u64),
    /// Type 1.
    Fixed64(u64),
    /// Type 2: text, bytes, messages.
    Bytes(&'a [u8]),
    /// Type 5.
    Fixed32(u32),
    /// Types 3 and 4, with everything between.
    Group,
}

impl<'a> Wire<'a> {
    /// The bytes of a text or message; `None` for other types.
    pub(super) fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The value, whichever way it is written: writers that mistake `fixed64` for `uint64` mean the same. A varint of
    /// ten bytes is a negative number.
    pub(super) fn received(self) -> Received<'a> {
        match self {
            Self::Varint(number) => Received::Integer(number.cast_signed().into()),
            Self::Fixed64(number) => Received::Integer(number.into()),
            Self::Fixed32(number) => Received::Integer(number.into()),
            Self::Bytes(bytes) => Received::Text(Text::plain(bytes)),
            Self::Group => Received::Structure,
        }
    }
}

/// A position in a message.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The offset of the next field.
    pub(super) fn offset(&self) -> usize {
        self.at
    }

    /// The next field's number and value; `None` at the end.
    #[inline]
    pub(super) fn field(&mut self) -> Result<Option<(u32, Wire<'a>)>, WireError> {
        if self.at >= self.bytes.len() {
            return Ok(None);
        }
        let start = self.at;
        let (number, wire_type) = self.tag()?;
        let value = match wire_type {
            3 => {
                self.skip_group(number, start)?;
                Wire::Group
            }
            4 => return Err(WireError { offset: start, problem: "a group ends that never began" }),
            _ => self.value(wire_type, start)?,
        };
        Ok(Some((number, value)))
    }

    fn tag(&mut self) -> Result<(u32, u8), WireError> {
        let offset = self.at;
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| (1..1 << 29).contains(number));
        match number {
            // The low three bits.
            Some(number) => Ok((number, (tag & 7) as u8)),
            None => Err(WireError { offset, problem: "no field has that number" }),
        }
    }

    fn value(&mut self, wire_type: u8, start: usize) -> Result<Wire<'a>, WireError> {
        match wire_type {
            0 => self.varint().map(Wire::Varint),
            1 => self.fixed().map(|bytes| Wire::Fixed64(u64::from_le_bytes(bytes))),
            2 => {
                let offset = self.at;
                let length = self.varint()?;
                let end = usize::try_from(length).ok().and_then(|length| self.at.checked_add(length));
                match end.and_then(|end| self.bytes.get(self.at..end)) {
                    Some(bytes) => {
                        self.at += bytes.len();
                        Ok(Wire::Bytes(bytes))
                    }
                    None => Err(WireError { offset, problem: "a length goes beyond the message's end" }),
                }
            }
            5 => self.fixed().map(|bytes| Wire::Fixed32(u32::from_le_bytes(bytes))),
            _ => Err(WireError { offset: start, problem: "there is no such wire type" }),
        }
    }

    /// Steps over a group's fields and its end, without recursion.
    fn skip_group(&mut self, number: u32, start: usize) -> Result<(), WireError> {
        /// The deepest nesting of groups: nobody writes them, and each is to be remembered.
        const MAX_NESTING: usize = 10_000;
        let mut open = vec![number];
        while let Some(&innermost) = open.last() {
            let offset = self.at;
            if offset >= self.bytes.len() {
                return Err(WireError { offset: start, problem: "a group does not end" });
            }
            match self.tag()? {
                (_, 3) if open.len() == MAX_NESTING => {
                    return Err(WireError { offset, problem: "groups nest too deep" });
                }
                (number, 3) => open.push(number),
                (number, 4) if number == innermost => {
                    open.pop();
                }
                (_, 4) => {
                    return Err(WireError { offset, problem: "a group ends that is not the innermost" });
                }
                (_, wire_type) => {
                    self.value(wire_type, offset)?;
                }
            }
        }
        Ok(())
    }

    fn varint(&mut self) -> Result<u64, WireError> {
        // Nearly all tags and most lengths are one byte.
        match self.bytes.get(self.at) {
            Some(&byte) if byte < 0x80 => {
                self.at += 1;
                Ok(byte.into())
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, WireError> {
        let start = self.at;
        let mut value = 0_u64;
        for position in 0..10 {
            let Some(&byte) = self.bytes.get(self.at) else {
                return Err(WireError { offset: start, problem: "the message ends inside a number" });
            };
            self.at += 1;
            // Of the tenth byte only one bit has a place; the others are dropped, as other readers do.
            value |= u64::from(byte & 0x7f) << (7 * position);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(WireError { offset: start, problem: "a number longer than ten bytes" })
    }

    fn fixed<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let bytes = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>());
        let Some(bytes) = bytes else {
            return Err(WireError { offset: self.at, problem: "the message ends inside a number" });
        };
        self.at += N;
        Ok(*bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Result<Vec<(u32, Wire<'_>)>, &'static str> {
        let mut reader = Reader::new(bytes);
        let mut fields = Vec::new();
        while let Some(field) = reader.field().map_err(|error| error.problem)? {
            fields.push(field);
        }
        Ok(fields)
    }

    #[test]
    fn every_wire_type_is_read() {
        let bytes = [
            0x08, 0x96, 0x01, // 1: varint 150
            0x11, 1, 0, 0, 0, 0, 0, 0, 0, // 2: fixed64 1
            0x1a, 2, b'h', b'i', // 3: bytes
            0x23, 0x08, 1, 0x2b, 0x2c, 0x24, // 4: group with a field and a group inside
            0x35, 2, 0, 0, 0, // 6: fixed32 2
            0xc2, 0x3e, 0, // 1000: no bytes
        ];
        let expected = [
            (1, Wire::Varint(150)),
            (2, Wire::Fixed64(1)),
            (3, Wire::Bytes(b"hi")),
            (4, Wire::Group),
            (6, Wire::Fixed32(2)),
            (1000, Wire::Bytes(b"")),
        ];
        assert_eq!(all(&bytes).unwrap(), expected);
    }

    #[test]
    fn what_is_broken_is_said() {
        let cases: [(&[u8], &str); 11] = [
            (&[0x08], "the message ends inside a number"),
            (&[0x08, 0x80], "the message ends inside a number"),
            (&[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1], "a number longer than ten bytes"),
            (&[0x09, 1, 2], "the message ends inside a number"),
            (&[0x0a, 2, 1], "a length goes beyond the message's end"),
            (
                &[0x0a, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
                "a length goes beyond the message's end",
            ),
            (&[0x00], "no field has that number"),
            (&[0x0e], "there is no such wire type"),
            (&[0x0c], "a group ends that never began"),
            (&[0x0b, 0x14], "a group ends that is not the innermost"),
            (&[0x0b, 0x08, 1], "a group does not end"),
        ];
        for (bytes, problem) in cases {
            assert_eq!(all(bytes), Err(problem), "{bytes:x?}");
        }
    }

    #[test]
    fn a_million_open_groups_do_not_recurse() {
        assert_eq!(all(&[0x0b; 10_000]), Err("a group does not end"));
        assert_eq!(all(&vec![0x0b; 1_000_000]), Err("groups nest too deep"));
    }

    #[test]
    fn the_largest_number_is_read() {
        assert_eq!(
            all(&[0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]).unwrap(),
            [(1, Wire::Varint(u64::MAX))]
        );
    }
}
