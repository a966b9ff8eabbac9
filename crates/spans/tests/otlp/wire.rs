//! Protobuf field by field: what no sound encoder writes.

use prost::Message as _;

pub(crate) fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// A length-delimited field.
pub(crate) fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    varint(u64::from(number) << 3 | 2, &mut out);
    varint(content.len() as u64, &mut out);
    out.extend_from_slice(content);
    out
}

pub(crate) fn varint_field(number: u32, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    varint(u64::from(number) << 3, &mut out);
    varint(value, &mut out);
    out
}

pub(crate) fn fixed64(number: u32, value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    varint(u64::from(number) << 3 | 1, &mut out);
    out.extend(value.to_le_bytes());
    out
}

/// The bytes of a good span, behind which more may come: of fields given twice the last wins.
pub(crate) fn good(name: &str) -> Vec<u8> {
    super::requests::good(name).encode_to_vec()
}

/// A request with one resource, one scope and these span messages.
pub(crate) fn protobuf_of_spans(spans: &[Vec<u8>]) -> Vec<u8> {
    let spans: Vec<u8> = spans.iter().flat_map(|span| field(2, span)).collect();
    field(1, &field(2, &spans))
}
