//! The identity of an alert: a hash of the rule's name and the group key.
//!
//! Everything that must agree on what "the same alert" is (state, de-duplication at receivers, silences by
//! people) refers to it, so its bytes are a format: they never change.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// 32 bytes, shown and stored as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 32]);

/// The fingerprint of `rule` and its group: for each entry of `group_by`, in its order, the key as the rule
/// writes it and the canonical text of the value, `None` where there is none.
///
/// It is the SHA-256 of these bytes, where a length is an unsigned 64-bit big-endian number of bytes and texts
/// are UTF-8:
///
/// ```text
/// length of rule ‖ rule ‖ for each entry: length of key ‖ key ‖ 00                       (no value)
///                                         length of key ‖ key ‖ 01 ‖ length ‖ value      (a value)
/// ```
///
/// Lengths keep texts apart whatever they hold, and the tag keeps "no value" apart from every text.
pub fn fingerprint(rule: &str, group: &[(&str, Option<&str>)]) -> Fingerprint {
    let mut hash = Sha256::new();
    add_text(&mut hash, rule);
    for (key, value) in group {
        add_text(&mut hash, key);
        match value {
            None => hash.update([0]),
            Some(value) => {
                hash.update([1]);
                add_text(&mut hash, value);
            }
        }
    }
    Fingerprint(hash.finalize().into())
}

impl Fingerprint {
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

fn add_text(hash: &mut Sha256, text: &str) {
    // A `usize` has at most 64 bits on every platform that Rust supports.
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text);
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// Occurs when a text is not 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 64 lower-case hexadecimal digits")]
pub struct NotAFingerprint;

impl FromStr for Fingerprint {
    type Err = NotAFingerprint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // One spelling each: what is stored is compared as text, too.
        if text.bytes().any(|digit| digit.is_ascii_uppercase()) {
            return Err(NotAFingerprint);
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| NotAFingerprint)?;
        Ok(Self(bytes))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Group<'a> = &'a [(&'a str, Option<&'a str>)];

    /// The expected hashes were computed from the documented bytes by another program (Python's `hashlib`).
    #[test]
    fn golden() {
        let cases: [(&str, Group<'_>, &str); 4] = [
            ("AuthFailuresRule", &[], "0e0c766189953fe896d57e7b73477bb21f3fdb6cea91c770afc985765520d558"),
            (
                "AuthFailuresRule",
                &[("deployment.environment", Some("prod"))],
                "86607c9cb3ca7e2c2cd6ddb050df6e7dda725f4a973431aa163b30296a42b09f",
            ),
            (
                "AuthFailuresRule",
                &[("deployment.environment", None)],
                "23c303e1714d77954d9bd38f6a482fdbbd308d0d24ea76fa0522aa4819e2b28b",
            ),
            (
                "größe",
                &[("a", Some("")), ("b", None), ("c", Some("日本"))],
                "f2a6bad3fa039fc518aa98126601d7617a9762bf2a8dd1060eed6bc114f7b438",
            ),
        ];
        for (rule, group, expected) in cases {
            assert_eq!(fingerprint(rule, group).to_string(), expected, "{rule} {group:?}");
        }
    }

    #[test]
    fn what_differs_has_different_fingerprints() {
        let groups: [(&str, Group<'_>); 8] = [
            ("r", &[]),
            ("r", &[("a", None)]),
            ("r", &[("a", Some(""))]),
            ("r", &[("a", Some("(none)"))]),
            ("r", &[("a", Some("b")), ("c", Some("d"))]),
            ("r", &[("c", Some("d")), ("a", Some("b"))]),
            ("r", &[("a", Some("bc")), ("c", Some("d"))]),
            ("ra", &[]),
        ];
        let mut seen: Vec<_> = groups.iter().map(|(rule, group)| fingerprint(rule, group)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), groups.len());
    }

    #[test]
    fn text_form_reads_back_and_nothing_else_does() {
        let print = fingerprint("r", &[]);
        assert_eq!(print.to_string().parse(), Ok(print));
        assert_eq!(
            serde_json::from_str::<Fingerprint>(&serde_json::to_string(&print).unwrap()).unwrap(),
            print
        );
        for bad in ["", "00", &"G".repeat(64), &"AB".repeat(32), &"é".repeat(32), &"0".repeat(65)] {
            assert_eq!(bad.parse::<Fingerprint>(), Err(NotAFingerprint), "{bad}");
        }
    }
}
