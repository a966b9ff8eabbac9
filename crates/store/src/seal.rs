//! Checksums of data files: what is read of one is what was written.
//!
//! ```text
//! PAR1 │ page │ page │ … │ column indexes │ offset indexes │ footer { …, fluo.pages, fluo.seal } │ length │ PAR1
//!        └ each: CRC-32 of its data, in its header, as the format has it
//!        └ each: CRC-32 of header and data, in `fluo.pages`, in the order of the file
//!                          └────────── CRC-32 of all this, in `fluo.seal`, counted with zeros in its own place ──┘
//! ```
//!
//! The format's own checksums leave out the headers of pages and everything behind the pages: one flipped bit there
//! changes what is read, or makes a library panic. A sealed file has no bit that is not counted, and is checked before
//! anything of it is parsed: everything behind the pages when it is opened, each page when it is read.
//!
//! Files of other programs, and those that fluo wrote before it sealed them, have no seal; what is believed of them is
//! decided where files are opened.

mod check;
mod header;
mod pages;
mod unpack;
mod write;

use parquet::errors::ParquetError;

pub(crate) use check::{Broken, Pages, Seal};
pub(crate) use unpack::Unpacker;
pub(crate) use write::SealedWriter;

/// Key of the checksums of pages: base64 of four bytes each, little-endian.
const PAGES: &str = "fluo.pages";
/// Key of the seal: see [`text`].
const SEAL: &str = "fluo.seal";

/// Digits of a checksum and of an offset, in hexadecimal.
const CRC_DIGITS: usize = 8;
const OFFSET_DIGITS: usize = 16;

/// Begins the value of [`SEAL`].
const PREFIX: &str = "crc32:";

/// The value of [`SEAL`]: the checksum of everything from `offset` to the end of the file.
fn text(crc: u32, offset: u64) -> String {
    format!("{PREFIX}{crc:0CRC_DIGITS$x}:{offset:0OFFSET_DIGITS$x}")
}

fn unexpected(what: &str) -> ParquetError {
    ParquetError::General(format!("a file cannot be sealed: {what}"))
}

#[cfg(test)]
mod tests;
