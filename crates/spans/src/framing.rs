//! The file exporter's length-prefixed form: each message after its length, four bytes big-endian.
//!
//! ```text
//! 00 00 0a a1  <2721 bytes>   00 00 05 f0  <1520 bytes>  …
//! ```
//!
//! A message is protobuf or, with compression on, zstd of protobuf or of JSON, each compressed on its
//! own; what it is, its content tells.

use crate::error::DecodeError;

/// The messages of a length-prefixed file, in order. Ends after the first one that is cut off, since
/// where the next begins is then unknown.
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Frames<'a> {
    /// Over a whole file.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<&'a [u8], DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.at;
        let rest = self.bytes.get(offset..)?;
        if rest.is_empty() {
            return None;
        }
        let Some((prefix, rest)) = rest.split_first_chunk::<4>() else {
            self.at = self.bytes.len();
            return Some(Err(DecodeError::Frame { offset, length: 4, left: rest.len() }));
        };
        let length = usize::try_from(u32::from_be_bytes(*prefix)).unwrap_or(usize::MAX);
        if let Some(message) = rest.get(..length) {
            self.at = offset + 4 + length;
            Some(Ok(message))
        } else {
            self.at = self.bytes.len();
            Some(Err(DecodeError::Frame { offset, length, left: rest.len() }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_told_apart_and_the_cut_off_one_is_named() {
        let bytes = [0, 0, 0, 2, 7, 8, 0, 0, 0, 0, 0, 0, 0, 3, 9];
        let mut frames = Frames::new(&bytes);
        assert_eq!(frames.next().unwrap().unwrap(), [7, 8]);
        assert!(frames.next().unwrap().unwrap().is_empty());
        assert!(matches!(frames.next(), Some(Err(DecodeError::Frame { offset: 10, length: 3, left: 1 }))));
        assert!(frames.next().is_none());
    }

    #[test]
    fn a_cut_off_length_is_a_cut_off_message() {
        assert!(matches!(
            Frames::new(&[0, 0, 1]).next(),
            Some(Err(DecodeError::Frame { offset: 0, length: 4, left: 3 }))
        ));
    }
}
