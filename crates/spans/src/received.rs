//! Values as they came, in either encoding, before it is known whether they can be what must stand there.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::mend::{Mend, Mends};

/// With or without padding.
const ANY_PADDING: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, ANY_PADDING);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, ANY_PADDING);

/// A value as it came.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Received<'a> {
    /// Not set: JSON's `null`.
    Nothing,
    /// `true`, `false`
    Boolean(bool),
    /// A number without a fraction.
    Integer(i128),
    /// Any other number.
    Double(f64),
    /// Text; in protobuf also bytes and messages.
    Text(Text<'a>),
    /// No single value: an array, an object, a group. The decoder has stepped over it.
    Structure,
}

impl Received<'_> {
    /// A number in JSON's spelling; text where it is none.
    pub(crate) fn number(word: &str) -> Received<'_> {
        if let Some(integer) = integer(word) {
            Received::Integer(integer)
        } else {
            double(word).map_or(Received::Text(Text::plain(word.as_bytes())), Received::Double)
        }
    }
}

/// A time as received.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Time {
    /// Not there, or zero.
    #[default]
    Missing,
    /// There, but no time.
    Malformed,
    /// Nanoseconds since the epoch, above zero.
    At(u64),
}

/// Text as it came: perhaps not UTF-8, perhaps with JSON's escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text<'a> {
    raw: &'a [u8],
    escaped: bool,
}

impl<'a> Text<'a> {
    /// Text that stands for itself.
    pub(crate) fn plain(raw: &'a [u8]) -> Self {
        Self { raw, escaped: false }
    }

    /// The text between the quotation marks of a JSON string; `escaped` where there is a backslash or a control
    /// character in it.
    pub(crate) fn quoted(raw: &'a [u8], escaped: bool) -> Self {
        Self { raw, escaped }
    }

    /// Its bytes, as long as it came.
    pub(crate) fn raw(self) -> &'a [u8] {
        self.raw
    }

    /// The text, mended where it must be.
    pub(crate) fn read(self, mends: &mut Mends) -> Cow<'a, str> {
        if !self.escaped {
            return std::str::from_utf8(self.raw).map_or_else(
                |_| {
                    mends.note(Mend::NotUtf8);
                    String::from_utf8_lossy(self.raw)
                },
                Cow::Borrowed,
            );
        }
        let bytes = unescaped(self.raw, mends);
        Cow::Owned(String::from_utf8(bytes).unwrap_or_else(|error| {
            mends.note(Mend::NotUtf8);
            String::from_utf8_lossy(error.as_bytes()).into_owned()
        }))
    }

    /// The text where only a number, a name or an id can be meant; empty where it is too long for one.
    pub(crate) fn word(self) -> Cow<'a, str> {
        /// The digits of the largest double, each escaped.
        const LONGEST: usize = 6 * 309;
        if self.raw.len() > LONGEST {
            return Cow::Borrowed("");
        }
        // What has to be mended is none of these.
        self.read(&mut Mends::default())
    }
}

/// The inside of a JSON string, its escapes resolved. What JSON does not allow is kept as it stands: who writes
/// `C:\path` means backslashes. An escaped lone surrogate is U+FFFD, as the collector reads it: JavaScript cuts emoji
/// in half where it shortens attributes.
fn unescaped(raw: &[u8], mends: &mut Mends) -> Vec<u8> {
    let mut text = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            if byte < b' ' {
                mends.note(Mend::NotJsonText);
            }
            text.push(byte);
            continue;
        }
        let simple = match rest.first() {
            Some(letter @ (b'"' | b'\\' | b'/')) => Some(*letter),
            Some(b'b') => Some(0x8),
            Some(b'f') => Some(0xc),
            Some(b'n') => Some(b'\n'),
            Some(b'r') => Some(b'\r'),
            Some(b't') => Some(b'\t'),
            _ => None,
        };
        if let Some(simple) = simple {
            text.push(simple);
            rest = rest.get(1..).unwrap_or_default();
        } else if let Some((character, length)) = unicode_escape(rest) {
            text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            rest = rest.get(length..).unwrap_or_default();
        } else {
            mends.note(Mend::NotJsonText);
            text.push(b'\\');
        }
    }
    text
}

/// The character that `u` and four digits stand for, or two such escapes, and their length.
fn unicode_escape(text: &[u8]) -> Option<(char, usize)> {
    let code = |text: &[u8]| -> Option<u32> {
        let (b'u', digits) = text.split_first()? else { return None };
        digits
            .first_chunk::<4>()?
            .iter()
            .try_fold(0, |code, digit| Some(code * 16 + char::from(*digit).to_digit(16)?))
    };
    let first = code(text)?;
    if (0xd800..0xdc00).contains(&first)
        && let Some(b'\\') = text.get(5)
        && let Some(second) = text.get(6..).and_then(code)
        && (0xdc00..0xe000).contains(&second)
    {
        let pair = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
        return Some((char::from_u32(pair)?, 11));
    }
    Some((char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER), 5))
}

/// Decimal digits with an optional sign, or a number with fraction or exponent that is an integer all
/// the same (`1e3`, `401.0`).
pub(crate) fn integer(text: &str) -> Option<i128> {
    if let Ok(integer) = text.parse::<i64>() {
        return Some(integer.into());
    }
    if let Ok(integer) = text.parse::<i128>() {
        return Some(integer);
    }
    double(text).and_then(integral)
}

/// The integer that a double is.
pub(crate) fn integral(double: f64) -> Option<i128> {
    // Above 2^64 no field has a use for it; below, the conversion is exact.
    #[expect(clippy::cast_possible_truncation, reason = "integral and bounded")]
    let integer =
        (double.fract() == 0.0 && double.abs() <= 18_446_744_073_709_551_616.0).then_some(double as i128);
    integer
}

/// A double; one too large for 64 bits rounds to infinity, as IEEE 754 has it.
pub(crate) fn double(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "Infinity" => Some(f64::INFINITY),
        "-Infinity" => Some(f64::NEG_INFINITY),
        _ if text.starts_with(|first: char| matches!(first, '0'..='9' | '+' | '-' | '.'))
            && text.ends_with(|last: char| matches!(last, '0'..='9' | '.')) =>
        {
            text.parse().ok()
        }
        _ => None,
    }
}

/// Returns the bytes that a text spells in base64 of either alphabet.
pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let url_safe = text.bytes().any(|byte| matches!(byte, b'-' | b'_'));
    if url_safe { URL_SAFE.decode(text).ok() } else { STANDARD.decode(text).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_and_what_is_wrong_in_it_stays_where_it_is() {
        let cases: [(&[u8], bool, &str, &[Mend]); 14] = [
            (b"plain", false, "plain", &[]),
            (b"caf\xe9", false, "caf\u{fffd}", &[Mend::NotUtf8]),
            (b"\\u00e9\\n\\/\\\"", true, "\u{e9}\n/\"", &[]),
            (b"\\ud83d\\ude00", true, "\u{1f600}", &[]),
            (b"\\ud83d cut", true, "\u{fffd} cut", &[]),
            (b"\\ud83d\\u0041", true, "\u{fffd}A", &[]),
            (b"\\ude00", true, "\u{fffd}", &[]),
            (b"C:\\path", true, "C:\\path", &[Mend::NotJsonText]),
            (b"\\u12", true, "\\u12", &[Mend::NotJsonText]),
            (b"\\u12x4", true, "\\u12x4", &[Mend::NotJsonText]),
            (b"\\ud83d\\u12", true, "\u{fffd}\\u12", &[Mend::NotJsonText]),
            (b"tab\there", true, "tab\there", &[Mend::NotJsonText]),
            (b"\\n\xff", true, "\n\u{fffd}", &[Mend::NotUtf8]),
            (b"\x01\xff", true, "\u{1}\u{fffd}", &[Mend::NotUtf8, Mend::NotJsonText]),
        ];
        for (raw, escaped, expected, noted) in cases {
            let mut mends = Mends::default();
            assert_eq!(Text { raw, escaped }.read(&mut mends), expected);
            assert_eq!(mends.iter().collect::<Vec<_>>(), noted, "{expected}");
        }
    }

    #[test]
    fn numbers_in_every_spelling() {
        let cases = [
            ("401", Received::Integer(401)),
            ("401.0", Received::Integer(401)),
            ("4.01e2", Received::Integer(401)),
            ("+5", Received::Integer(5)),
            ("18446744073709551616", Received::Integer(1 << 64)),
            ("1.5", Received::Double(1.5)),
            (".5", Received::Double(0.5)),
            ("1e999", Received::Double(f64::INFINITY)),
            ("-Infinity", Received::Double(f64::NEG_INFINITY)),
            ("1.2.3", Received::Text(Text::plain(b"1.2.3"))),
        ];
        for (word, expected) in cases {
            assert_eq!(Received::number(word), expected, "{word}");
        }
    }
}
