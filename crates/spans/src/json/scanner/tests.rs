//! The scanner against `serde_json`, and where it takes more.

use super::*;
use proptest::prelude::*;

fn read(text: &[u8]) -> Result<Scalar<'_>, Fault> {
    Scanner::new(text).scalar()
}

#[test]
fn scalars() {
    let text = |text: &'static str| Ok(Scalar::Text(text.into()));
    let cases: [(&[u8], Result<Scalar<'_>, Fault>); 22] = [
        (b"null", Ok(Scalar::Null)),
        (b"true,", Ok(Scalar::Boolean(true))),
        (b"-1.5e+3]", Ok(Scalar::Number("-1.5e+3"))),
        (b"NaN", Ok(Scalar::Number("NaN"))),
        (b"-Infinity", Ok(Scalar::Number("-Infinity"))),
        (b"\"\"", text("")),
        (b"\"plain text, longer than a word\"", text("plain text, longer than a word")),
        (b"\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9b\"", text("a\"\\/\u{8}\u{c}\n\r\t\u{e9}b")),
        (b"\"\\ud83d\\ude00\"", text("\u{1f600}")),
        (b"\"\\ud83d cut\"", text("\u{fffd} cut")),
        (b"\"\\ud83d\\u0041\"", text("\u{fffd}A")),
        (b"\"\\ude00\"", text("\u{fffd}")),
        (b"\"not utf-8 \xff\"", Err(UNFIT)),
        (b"\"not utf-8 \xff \\n\"", Err(UNFIT)),
        (b"\"tab\there\"", Err(UNFIT)),
        (b"\"\\x\"", Err(UNFIT)),
        (b"\"\\u12\"", Err(UNFIT)),
        (b"{}", Err(UNFIT)),
        (b"\"cut", Err(Fault::Syntax { offset: 4, problem: "the text ends too early" })),
        (b"nul", Err(Fault::Syntax { offset: 0, problem: "the text ends too early" })),
        (b"nul,", Err(Fault::Syntax { offset: 0, problem: "expected a value" })),
        (b"", Err(Fault::Syntax { offset: 0, problem: "the text ends too early" })),
    ];
    for (json, expected) in cases {
        assert_eq!(read(json), expected, "{}", String::from_utf8_lossy(json));
    }
}

#[test]
fn skipping_stops_right_after_the_value() {
    for value in [
        "1",
        "\"a\\\"]\"",
        "[]",
        "{}",
        "[1,[2,{\"a\":[]}],{}]",
        "{\"a\" : {\"b\":[1,2]} , \"c\":null}",
        "[ ]",
        "{\"\\\\\":\"\\\\\"}",
    ] {
        let text = format!("{value}, 7");
        let mut scanner = Scanner::new(text.as_bytes());
        assert_eq!(scanner.skip(), Ok(()), "{value}");
        assert_eq!(scanner.offset(), value.len(), "{value}");
    }
}

#[test]
fn skipping_finds_what_is_broken() {
    for broken in [
        "[1,]",
        "{\"a\"}",
        "{\"a\":1,}",
        "[1 2]",
        "{1:2}",
        "[1}",
        "{\"a\":1]",
        "[",
        "{\"a\":",
        "\"a\\",
        "[tru]",
    ] {
        let outcome = Scanner::new(broken.as_bytes()).skip();
        assert!(matches!(outcome, Err(Fault::Syntax { .. })), "{broken}: {outcome:?}");
    }
}

#[test]
fn a_million_open_brackets_are_skipped_without_recursion() {
    let mut text = "[".repeat(1_000_000);
    assert!(Scanner::new(text.as_bytes()).skip().is_err());
    text.push_str(&"]".repeat(1_000_000));
    assert_eq!(Scanner::new(text.as_bytes()).skip(), Ok(()));
}

#[test]
fn null_is_an_empty_list_and_an_empty_object() {
    let mut elements = 0;
    let mut scanner = Scanner::new(b"null null");
    let counted = scanner.array(|scanner| {
        elements += 1;
        scanner.skip()
    });
    assert_eq!(counted, Ok(()));
    scanner.white_space();
    assert_eq!(scanner.object(|scanner, _| scanner.skip()), Ok(()));
    assert_eq!((elements, scanner.offset()), (0, 9));
}

proptest! {
    #[test]
    fn strings_read_as_serde_json_wrote_them(text in any::<String>()) {
        let json = serde_json::to_string(&text).unwrap();
        prop_assert_eq!(read(json.as_bytes()), Ok(Scalar::Text(text.into())));
    }

    #[test]
    fn the_first_special_byte_is_found(bytes in proptest::collection::vec(any::<u8>(), 0..40), at in 0_usize..40) {
        let naive = bytes
            .iter()
            .enumerate()
            .skip(at)
            .find(|(_, byte)| matches!(byte, b'"' | b'\\' | 0..=0x1f))
            .map_or(bytes.len(), |(found, _)| found);
        prop_assume!(at <= bytes.len());
        prop_assert_eq!(next_special(&bytes, at), naive);
    }

    #[test]
    fn whatever_serde_json_takes_is_skipped_whole(text in "[\\[\\]{}\":,0-9a-z\\\\ ]{0,20}") {
        if serde_json::from_str::<serde_json::Value>(&text).is_ok() {
            let mut scanner = Scanner::new(text.as_bytes());
            prop_assert_eq!(scanner.skip(), Ok(()));
            scanner.white_space();
            prop_assert_eq!(scanner.offset(), text.len());
        }
    }
}
