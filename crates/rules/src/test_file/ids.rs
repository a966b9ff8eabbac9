//! Trace and span ids of tests: given as digits, named by a word, or generated.
//!
//! | id | bytes |
//! | --- | --- |
//! | digits | themselves |
//! | a word | SHA-256 of `fluo.test`, the test's name and the word |
//! | nothing | SHA-256 of `fluo.test`, the test's name and the span's ordinal in the test |
//!
//! Traces and spans are told apart in the hashed bytes, so that the same word may name one of each.

use sha2::{Digest as _, Sha256};

/// 16 bytes, not all zero.
pub type TraceId = [u8; 16];

/// 8 bytes, not all zero.
pub type SpanId = [u8; 8];

/// An id as a test writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Id<Bytes> {
    /// Hexadecimal digits.
    Given(Bytes),
    /// A word that stands for an id.
    Named(String),
}

/// The value that is hashed besides the test's name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seed<'a> {
    Word(&'a str),
    Ordinal(u64),
}

impl Id<TraceId> {
    /// The id in the test called `test`.
    pub(super) fn bytes(&self, test: &str) -> TraceId {
        match self {
            Self::Given(bytes) => *bytes,
            Self::Named(word) => trace_id(test, Seed::Word(word)),
        }
    }
}

impl Id<SpanId> {
    /// The id in the test called `test`.
    pub(super) fn bytes(&self, test: &str) -> SpanId {
        match self {
            Self::Given(bytes) => *bytes,
            Self::Named(word) => span_id(test, Seed::Word(word)),
        }
    }
}

pub(super) fn trace_id(test: &str, seed: Seed<'_>) -> TraceId {
    digest("trace", test, seed)
}

pub(super) fn span_id(test: &str, seed: Seed<'_>) -> SpanId {
    digest("span", test, seed)
}

/// The first bytes of the hash, the last of them made odd: an id of zeros is none.
fn digest<const N: usize>(what: &str, test: &str, seed: Seed<'_>) -> [u8; N] {
    let mut hash = Sha256::new();
    let (tag, seed) = match seed {
        Seed::Word(word) => (0, word.as_bytes().to_vec()),
        Seed::Ordinal(ordinal) => (1, ordinal.to_be_bytes().to_vec()),
    };
    for part in ["fluo.test".as_bytes(), what.as_bytes(), test.as_bytes(), &[tag], &seed] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash = hash.finalize();
    let mut id = [0; N];
    id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    if let Some(last) = id.last_mut() {
        *last |= 1;
    }
    id
}
