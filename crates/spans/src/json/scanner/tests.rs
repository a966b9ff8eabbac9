//! The scanner against `serde_json`, and where it takes more.

use super::*;
use crate::mend::Mends;
use proptest::prelude::*;

fn read(text: &[u8]) -> Result<Received<'_>, Syntax> {
    Scanner::new(text).value()
}

#[test]
fn single_values() {
    let text = |raw: &'static str, escaped| Ok(Received::Text(Text::quoted(raw.as_bytes(), escaped)));
    let broken = |offset, problem| Err(Syntax { offset, problem });
    let cases: [(&[u8], Result<Received<'_>, Syntax>); 16] = [
        (b"null", Ok(Received::Nothing)),
        (b"true,", Ok(Received::Boolean(true))),
        (b"-1.5e+3]", Ok(Received::Integer(-1500))),
        (b"-1.5]", Ok(Received::Double(-1.5))),
        (b"-Infinity", Ok(Received::Double(f64::NEG_INFINITY))),
        (b"\"\"", text("", false)),
        (b"\"plain text, longer than a word\"", text("plain text, longer than a word", false)),
        (b"\"a\\\"b\"", text("a\\\"b", true)),
        (b"\"tab\there\"", text("tab\there", true)),
        (b"{\"a\":[]}", Ok(Received::Structure)),
        (b"\"cut", broken(4, "the text ends too early")),
        (b"\"cut\\", broken(5, "the text ends too early")),
        (b"\"cut\\\"", broken(6, "the text ends too early")),
        (b"nul", broken(0, "the text ends too early")),
        (b"nul,", broken(0, "expected a value")),
        (b"", broken(0, "the text ends too early")),
    ];
    for (json, expected) in cases {
        assert_eq!(read(json), expected, "{}", String::from_utf8_lossy(json));
    }
}

#[test]
fn what_is_of_another_type_is_stepped_over() {
    for (json, is_array, is_object) in [
        ("[1]", true, false),
        ("{\"a\":1}", false, true),
        ("null", true, true),
        ("\"[\"", false, false),
        ("7", false, false),
    ] {
        let text = format!("{json},");
        let mut scanner = Scanner::new(text.as_bytes());
        assert_eq!(scanner.array(Scanner::skip), Ok(is_array), "{json}");
        assert_eq!(scanner.offset(), json.len(), "{json}");
        let mut scanner = Scanner::new(text.as_bytes());
        assert_eq!(scanner.object(|scanner, _| scanner.skip()), Ok(is_object), "{json}");
        assert_eq!(scanner.offset(), json.len(), "{json}");
    }
}

#[test]
fn the_members_behind_a_value_are_looked_at_ahead() {
    let mut scanner = Scanner::new(b"{\"a\" : [{}] , \"b\":1,\"c\":2}");
    let mut seen = Vec::new();
    let read = scanner.object(|scanner, key| {
        if key == "a" {
            scanner.later_members(|scanner, key| {
                seen.push(key.to_owned());
                scanner.skip()
            })?;
        }
        scanner.skip()
    });
    assert_eq!((read, seen), (Ok(true), vec!["b".to_owned(), "c".to_owned()]));
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
        assert!(outcome.is_err(), "{broken}: {outcome:?}");
    }
}

#[test]
fn a_million_open_brackets_are_skipped_without_recursion() {
    let mut text = "[".repeat(1_000_000);
    assert!(Scanner::new(text.as_bytes()).skip().is_err());
    text.push_str(&"]".repeat(1_000_000));
    assert_eq!(Scanner::new(text.as_bytes()).skip(), Ok(()));
    let text = "[".repeat(2_000_000);
    let outcome = Scanner::new(text.as_bytes()).skip();
    assert_eq!(outcome, Err(Syntax { offset: MAX_NESTING + 1, problem: "nested too deep" }));
}

#[test]
fn null_is_an_empty_list_and_an_empty_object() {
    let mut elements = 0;
    let mut scanner = Scanner::new(b"null null");
    let counted = scanner.array(|scanner| {
        elements += 1;
        scanner.skip()
    });
    assert_eq!(counted, Ok(true));
    scanner.white_space();
    assert_eq!(scanner.object(|scanner, _| scanner.skip()), Ok(true));
    assert_eq!((elements, scanner.offset()), (0, 9));
}

proptest! {
    #[test]
    fn strings_read_as_serde_json_wrote_them(text in any::<String>()) {
        let json = serde_json::to_string(&text).unwrap();
        let Ok(Received::Text(read)) = read(json.as_bytes()) else { panic!("{json} is text") };
        let mut mends = Mends::default();
        prop_assert_eq!(read.read(&mut mends), text);
        prop_assert!(mends.is_empty());
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
    fn what_is_skipped_is_read_without_an_error(text in "[\\[\\]{}\":,0-9a-z\\\\ \u{1}]{0,30}") {
        fn walk(scanner: &mut Scanner<'_>) -> Result<(), Syntax> {
            match scanner.peek() {
                Some(b'{') => scanner.object(|scanner, _| walk(scanner)).map(drop),
                Some(b'[') => scanner.array(walk).map(drop),
                _ => scanner.value().map(drop),
            }
        }
        let mut scanner = Scanner::new(text.as_bytes());
        scanner.white_space();
        let mut skipping = scanner.clone();
        if skipping.skip().is_ok() {
            prop_assert_eq!(walk(&mut scanner), Ok(()));
            prop_assert_eq!(scanner.offset(), skipping.offset());
        }
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
