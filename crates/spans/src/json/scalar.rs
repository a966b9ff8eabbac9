//! OTLP's scalar fields as they are met: 64-bit numbers as text or number, enums as number or name,
//! ids as hex or base64, and `null` for whatever is not set.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::scanner::{Fault, Scalar, Scanner, UNFIT};
use crate::draft::Id;
use crate::span::{Kind, Status};

/// With or without padding.
const ANY_PADDING: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::STANDARD, ANY_PADDING);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&base64::alphabet::URL_SAFE, ANY_PADDING);

impl<'a> Scanner<'a> {
    /// A string field.
    pub(super) fn text(&mut self) -> Result<Cow<'a, str>, Fault> {
        match self.scalar()? {
            Scalar::Null => Ok(Cow::Borrowed("")),
            Scalar::Text(text) => Ok(text),
            Scalar::Boolean(_) | Scalar::Number(_) => Err(UNFIT),
        }
    }

    /// A `fixed64` time; one beyond 64 bits becomes the greatest, which later is out of range.
    pub(super) fn time(&mut self) -> Result<u64, Fault> {
        let time = self.integer()?.unwrap_or(0);
        if time < 0 { Err(UNFIT) } else { Ok(u64::try_from(time).unwrap_or(u64::MAX)) }
    }

    /// A 32-bit number.
    pub(super) fn unsigned(&mut self) -> Result<u32, Fault> {
        self.integer()?.map_or(Ok(0), |number| u32::try_from(number).map_err(|_| UNFIT))
    }

    /// An integer, as number or text; `None` for null.
    pub(super) fn integer(&mut self) -> Result<Option<i128>, Fault> {
        match self.scalar()? {
            Scalar::Null => Ok(None),
            Scalar::Number(number) => parse_integer(number).map(Some).ok_or(UNFIT),
            Scalar::Text(number) => parse_integer(&number).map(Some).ok_or(UNFIT),
            Scalar::Boolean(_) => Err(UNFIT),
        }
    }

    /// A double, as number or text; `None` for null.
    pub(super) fn double(&mut self) -> Result<Option<f64>, Fault> {
        match self.scalar()? {
            Scalar::Null => Ok(None),
            Scalar::Number(number) => parse_double(number).map(Some).ok_or(UNFIT),
            Scalar::Text(number) => parse_double(&number).map(Some).ok_or(UNFIT),
            Scalar::Boolean(_) => Err(UNFIT),
        }
    }

    /// A boolean, bare or as text; `None` for null.
    pub(super) fn boolean(&mut self) -> Result<Option<bool>, Fault> {
        match self.scalar()? {
            Scalar::Null => Ok(None),
            Scalar::Boolean(boolean) => Ok(Some(boolean)),
            Scalar::Text(text) if text == "true" => Ok(Some(true)),
            Scalar::Text(text) if text == "false" => Ok(Some(false)),
            Scalar::Text(_) | Scalar::Number(_) => Err(UNFIT),
        }
    }

    /// Bytes in base64 of either alphabet; `None` for null.
    pub(super) fn bytes(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        match self.scalar()? {
            Scalar::Null => Ok(None),
            Scalar::Text(text) => from_base64(&text).map(Some).ok_or(UNFIT),
            Scalar::Boolean(_) | Scalar::Number(_) => Err(UNFIT),
        }
    }

    /// An id: hex of either case, or base64 as SDKs write it that print protobuf's own JSON. Their
    /// lengths differ, so neither is taken for the other.
    pub(super) fn id<const N: usize>(&mut self) -> Result<Id<N>, Fault> {
        let text = self.text()?;
        Ok(if text.is_empty() {
            Id::Missing
        } else if text.len() == 2 * N {
            from_hex(text.as_bytes()).map_or(Id::Malformed, Id::Bytes)
        } else {
            from_base64(&text).and_then(|id| id.try_into().ok()).map_or(Id::Malformed, Id::Bytes)
        })
    }

    /// A span's kind: `2`, `"2"`, `"SPAN_KIND_SERVER"`, `"server"`. One that OTLP does not define, by
    /// number or by name, is unspecified.
    pub(super) fn kind(&mut self) -> Result<Kind, Fault> {
        self.enumerated("span_kind_", Kind::from_number, |name| {
            Kind::ALL.into_iter().find(|kind| kind.as_str() == name)
        })
    }

    /// A status code: `2`, `"2"`, `"STATUS_CODE_ERROR"`, `"error"`. One that OTLP does not define is
    /// unset.
    pub(super) fn status_code(&mut self) -> Result<Status, Fault> {
        self.enumerated("status_code_", Status::from_number, |name| {
            Status::ALL.into_iter().find(|status| status.as_str() == name)
        })
    }

    fn enumerated<E: Default>(
        &mut self,
        prefix: &str,
        from_number: fn(i64) -> E,
        from_name: impl Fn(&str) -> Option<E>,
    ) -> Result<E, Fault> {
        let number = |text: &str| {
            parse_integer(text).map(|number| i64::try_from(number).map(from_number).unwrap_or_default())
        };
        match self.scalar()? {
            Scalar::Null => Ok(E::default()),
            Scalar::Number(text) => number(text).ok_or(UNFIT),
            Scalar::Text(text) => Ok(number(&text).unwrap_or_else(|| {
                let name = text.to_ascii_lowercase();
                from_name(name.strip_prefix(prefix).unwrap_or(&name)).unwrap_or_default()
            })),
            Scalar::Boolean(_) => Err(UNFIT),
        }
    }
}

/// Decimal digits with an optional sign, or a number with fraction or exponent that is an integer all
/// the same (`1e3`, `401.0`).
fn parse_integer(text: &str) -> Option<i128> {
    if let Ok(integer) = text.parse::<i64>() {
        return Some(integer.into());
    }
    if let Ok(integer) = text.parse::<i128>() {
        return Some(integer);
    }
    let double = parse_double(text)?;
    // Above 2^64 no field has a use for it; below, the conversion is exact.
    #[expect(clippy::cast_possible_truncation, reason = "integral and bounded")]
    let integer =
        (double.fract() == 0.0 && double.abs() <= 18_446_744_073_709_551_616.0).then_some(double as i128);
    integer
}

/// A double; one too large for 64 bits rounds to infinity, as IEEE 754 has it.
fn parse_double(text: &str) -> Option<f64> {
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

fn from_base64(text: &str) -> Option<Vec<u8>> {
    let url_safe = text.bytes().any(|byte| matches!(byte, b'-' | b'_'));
    if url_safe { URL_SAFE.decode(text).ok() } else { STANDARD.decode(text).ok() }
}

fn from_hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
    }
    Some(bytes)
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
