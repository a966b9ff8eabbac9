//! An input → another one, by the form that it has.
//!
//! Bytes alone rarely get past a parser's first look, so most mutations know a little of what they change: lines and
//! words of a text, values of JSON, fields of protobuf.

mod amount;
mod bytes;
mod json;
mod protobuf;
mod text;

use std::io::Write as _;

use fastrand::Rng;
use flate2::Compression;
use flate2::write::GzEncoder;

use self::amount::MAX_BYTES;
use crate::target::{Form, Target};

/// `one`, changed one to some dozen times, with pieces of `other` in it.
pub fn mutate(one: &[u8], other: &[u8], target: &Target, random: &mut Rng) -> Vec<u8> {
    let mut input = one.to_vec();
    let mut changes = 1;
    while changes < 16 && random.u8(..) < 150 {
        changes += 1;
    }
    for _ in 0..changes {
        input = change(&input, other, target, random);
        input.truncate(MAX_BYTES);
    }
    if target.form == Form::Otlp { wrapped(input, random) } else { input }
}

fn change(input: &[u8], other: &[u8], target: &Target, random: &mut Rng) -> Vec<u8> {
    let structured = random.u8(..) < 200;
    match target.form {
        Form::Text if structured => text::change(input, other, target.words, random),
        Form::Json if structured => {
            json::change(input, random).unwrap_or_else(|| bytes::change(input, other, random))
        }
        Form::Otlp if structured => json::change(input, random)
            .or_else(|| protobuf::change(input, random))
            .unwrap_or_else(|| bytes::change(input, other, random)),
        _ => bytes::change(input, other, random),
    }
}

/// Sometimes compressed, or with the length before it, as exporters write.
fn wrapped(input: Vec<u8>, random: &mut Rng) -> Vec<u8> {
    match random.u8(..32) {
        0 => {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
            // Writing to a vector cannot fail; if it did, the input would go as it is.
            match gzip.write_all(&input).and_then(|()| gzip.finish()) {
                Ok(compressed) => compressed,
                Err(_) => input,
            }
        }
        1 => zstd::encode_all(&input[..], 1).unwrap_or(input),
        2 => {
            let length = u32::try_from(input.len()).unwrap_or(u32::MAX);
            [&length.to_be_bytes()[..], &input].concat()
        }
        _ => input,
    }
}
