//! The encoding of decompressed bytes, told by their content alone.
//!
//! The first byte almost decides:
//!
//! | first byte | encoding | why |
//! | --- | --- | --- |
//! | none | protobuf | an empty message is an empty request |
//! | `{`, `[`, white space other than line feed, a byte-order mark | JSON | as protobuf tags these would be fields 3, 4 or above 10, or groups; a request has field 1 only |
//! | 0x0a | protobuf, or JSON after a line feed | see below |
//! | 0x00–0x07 | length-prefixed | no protobuf message begins so (field number 0); as a length it stands for up to 128 MiB |
//! | anything else | protobuf | whose reader says what is wrong |
//!
//! 0x0a is the tag of `resource_spans` and also a line feed. It is JSON if, white space aside, it goes
//! on like JSON: `{` with `}` or a string's first printable character, or `[` with something an array
//! may begin with. Read as protobuf such bytes would have lengths out of white space and brackets, and
//! in the only shape in which those fit each other, an attribute key that begins with a quotation mark.

/// The encoding of an object, or of a frame in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// OTLP JSON: one or more documents.
    Json,
    /// One protobuf `ExportTraceServiceRequest`.
    Protobuf,
    /// Messages, each preceded by its length ([`framing`](crate::framing)).
    LengthPrefixed,
}

/// The encoding of bytes that are no longer compressed.
pub fn detect(bytes: &[u8]) -> Encoding {
    match bytes {
        [b'{' | b'[' | b' ' | b'\t' | b'\r', ..] | [0xef, 0xbb, 0xbf, ..] => Encoding::Json,
        [b'\n', rest @ ..] if goes_on_like_json(rest) => Encoding::Json,
        [0..=7, ..] => Encoding::LengthPrefixed,
        _ => Encoding::Protobuf,
    }
}

fn goes_on_like_json(bytes: &[u8]) -> bool {
    match bytes.trim_ascii_start() {
        // Nothing but white space. (A lone tag 0x0a would be a broken message anyway.)
        [] => true,
        [b'{', rest @ ..] => match rest.trim_ascii_start() {
            [b'"', printable, ..] => *printable >= b' ',
            [b'}', ..] => true,
            _ => false,
        },
        [b'[', rest @ ..] => matches!(rest.trim_ascii_start(), [b'{' | b'[' | b']', ..]),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_tells_the_encoding() {
        let cases: [(&str, &[u8], Encoding); 17] = [
            ("empty", b"", Encoding::Protobuf),
            ("document", b"{\"resourceSpans\":[]}", Encoding::Json),
            ("array", b"[{}]", Encoding::Json),
            ("byte-order mark", b"\xef\xbb\xbf{}", Encoding::Json),
            ("indented", b"  {}", Encoding::Json),
            ("after a line feed", b"\n{\n  \"resourceSpans\": []}", Encoding::Json),
            ("after empty lines", b"\n\r\n [ {", Encoding::Json),
            ("empty document after a line feed", b"\n{ }", Encoding::Json),
            ("blank lines", b"\n\n", Encoding::Json),
            ("request", &[0x0a, 0x02, 0x12, 0x00], Encoding::Protobuf),
            ("resource of 123 bytes", &[0x0a, b'{', 0x0a, 0x22, 0x0a, 0x05], Encoding::Protobuf),
            ("resource of 91 bytes", &[0x0a, b'[', 0x0a, 0x12, 0x0a, 0x10], Encoding::Protobuf),
            ("resource of 10 bytes", &[0x0a, 0x0a, 0x0a, 0x08, 0x0a], Encoding::Protobuf),
            ("frame", &[0, 0, 0, 4, 0x0a, 0x02, 0x12, 0x00], Encoding::LengthPrefixed),
            ("large frame", &[1, 0, 0, 0], Encoding::LengthPrefixed),
            ("truncated length", &[0, 0], Encoding::LengthPrefixed),
            ("words", b"hello", Encoding::Protobuf),
        ];
        for (scenario, bytes, expected) in cases {
            assert_eq!(detect(bytes), expected, "{scenario}");
        }
    }
}
