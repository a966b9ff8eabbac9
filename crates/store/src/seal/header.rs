//! The header of a page.
//!
//! In Thrift's compact protocol it begins with three integers: each one byte that says by how much the field's number is
//! higher than the last one's (1) and that it is a 32-bit integer (5), and then a varint. They are the type, the size of
//! the data as encoded, and its size as it lies in the file. The checksum of the latter is field 4; the field that
//! follows counts from it.

use parquet::errors::ParquetError;

use super::unexpected;
use crate::thrift::{self, varint};

/// Begins a 32-bit integer whose field's number is one more than the last one's.
const NEXT_INTEGER: u8 = 0x15;

/// The type of a page that holds a dictionary.
const DICTIONARY: u32 = 2;

/// The first byte of the field behind the checksum's in pages of which all data is compressed: of a data page (field 5), and
/// of a dictionary (field 7).
const WHOLLY_PACKED: [u8; 2] = [0x1c, 0x3c];

/// A header as the parquet crate writes it: without a checksum.
pub(super) struct Header {
    page_type: u32,
    pub(super) size: u32,
    /// The fields behind the checksum's, of which the first counts from it.
    rest: Vec<u8>,
}

impl Header {
    /// Reads a header of a page that is not compressed.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ParquetError> {
        Self::parse(bytes).ok_or_else(|| unexpected("a page has another header"))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let ([page_type, size, packed], at) = integers(bytes)?;
        let mut rest = bytes.get(at..)?.to_vec();
        let following = rest.first_mut()?;
        // Field 4 is not there, so that what follows is higher by two at least: one less to count.
        if size != packed || *following >> 4 < 2 {
            return None;
        }
        *following -= 0x10;
        Some(Self { page_type, size, rest })
    }

    /// Reads the header of a page of a sealed file, with the data that lie behind it, and returns what follows. `None`
    /// where it is another than fluo writes.
    pub(super) fn sealed(bytes: &[u8]) -> Option<(Self, &[u8], &[u8])> {
        let end = thrift::after_structure(bytes, 0)?;
        let ([page_type, size, packed], at) = integers(bytes)?;
        if *bytes.get(at)? != NEXT_INTEGER {
            return None;
        }
        let (_, at) = varint(bytes, at + 1)?;
        let rest = bytes.get(at..end)?.to_vec();
        if !WHOLLY_PACKED.contains(rest.first()?) {
            return None;
        }
        let (data, following) = bytes.get(end..)?.split_at_checked(usize::try_from(packed).ok()?)?;
        Some((Self { page_type, size, rest }, data, following))
    }

    /// The header of the page with its data as encoded, without a checksum.
    pub(super) fn plain(&self, data: &[u8]) -> Result<Vec<u8>, ParquetError> {
        let mut header = self.sizes(data)?;
        let from = header.len();
        header.extend(&self.rest);
        // Counted from the field before the checksum.
        if let Some(following) = header.get_mut(from) {
            *following += 0x10;
        }
        Ok(header)
    }

    pub(super) fn is_dictionary(&self) -> bool {
        self.page_type == DICTIONARY
    }

    /// The header of the page whose data lies in the file as `data`.
    pub(super) fn of(&self, data: &[u8]) -> Result<Vec<u8>, ParquetError> {
        let mut header = self.sizes(data)?;
        let crc = crc32fast::hash(data).cast_signed();
        // Zigzag.
        put_integer(((crc << 1) ^ (crc >> 31)).cast_unsigned(), &mut header);
        header.extend(&self.rest);
        Ok(header)
    }

    /// The fields before the checksum's.
    fn sizes(&self, data: &[u8]) -> Result<Vec<u8>, ParquetError> {
        let packed = u32::try_from(data.len()).ok().filter(|length| i32::try_from(*length).is_ok());
        let packed = packed.ok_or_else(|| unexpected("a page is too large"))?;
        let mut fields = Vec::with_capacity(self.rest.len() + 20);
        for field in [self.page_type, self.size, packed] {
            put_integer(field << 1, &mut fields);
        }
        Ok(fields)
    }
}

/// The integers that a structure begins with, and where the last one ends.
fn integers<const N: usize>(bytes: &[u8]) -> Option<([u32; N], usize)> {
    let mut at = 0;
    let mut fields = [0; N];
    for field in &mut fields {
        if *bytes.get(at)? != NEXT_INTEGER {
            return None;
        }
        (*field, at) = number(bytes, at + 1)?;
    }
    Some((fields, at))
}

/// A number that is not negative, and where it ends.
fn number(bytes: &[u8], at: usize) -> Option<(u32, usize)> {
    let (value, at) = varint(bytes, at)?;
    // Zigzag: the last bit is the sign.
    let number = u32::try_from(value >> 1).ok().filter(|number| i32::try_from(*number).is_ok())?;
    (value & 1 == 0).then_some((number, at))
}

fn put_integer(zigzag: u32, into: &mut Vec<u8>) {
    into.push(NEXT_INTEGER);
    put_varint(zigzag, into);
}

fn put_varint(mut number: u32, into: &mut Vec<u8>) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        into.push(low & 0x7f | if number > 0 { 0x80 } else { 0 });
        if number == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_gets_its_checksum() {
        // A page of 300 bytes, then field 5: a structure that ends at once; and the end.
        let encoded = [0x15, 0, 0x15, 0xd8, 4, 0x15, 0xd8, 4, 0x2c, 0, 0];
        let header = Header::read(&encoded).unwrap();
        assert_eq!((header.is_dictionary(), header.size), (false, 300));
        // CRC-32 of "123456789" is cbf43926, of which the zigzag is 68178db3.
        let sealed = header.of(b"123456789").unwrap();
        let expected = [0x15, 0, 0x15, 0xd8, 4, 0x15, 18, 0x15, 0xb3, 0x9b, 0xde, 0xc0, 0x06, 0x1c, 0, 0];
        assert_eq!(sealed, expected);
    }

    #[test]
    fn a_sealed_header_loses_its_checksum() {
        let encoded = [0x15, 0, 0x15, 18, 0x15, 18, 0x2c, 0, 0];
        let sealed =
            [Header::read(&encoded).unwrap().of(b"123456789").unwrap().as_slice(), b"123456789next"].concat();
        let (header, data, following) = Header::sealed(&sealed).unwrap();
        assert_eq!((header.size, data, following), (9, b"123456789".as_slice(), b"next".as_slice()));
        assert_eq!(header.plain(data).unwrap(), encoded);
        for end in 0..sealed.len() - 4 {
            assert!(Header::sealed(&sealed[..end]).is_none(), "cut off at {end}");
        }
        assert!(Header::sealed(&encoded).is_none(), "without a checksum");
    }

    #[test]
    fn another_header_is_refused() {
        let cases: [(&str, &[u8]); 5] = [
            ("nothing", &[]),
            ("with a checksum", &[0x15, 0, 0x15, 2, 0x15, 2, 0x15, 2, 0x1c, 0, 0]),
            ("compressed", &[0x15, 0, 0x15, 4, 0x15, 2, 0x2c, 0, 0]),
            ("with a size that is negative", &[0x15, 0, 0x15, 1, 0x15, 1, 0x2c, 0, 0]),
            ("cut off", &[0x15, 0, 0x15, 2, 0x15, 2]),
        ];
        for (scenario, bytes) in cases {
            assert!(Header::read(bytes).is_err(), "{scenario}");
        }
    }
}
