//! Texts → YAML that is read as the same texts, as people would write it.

use crate::json;

/// Words that YAML, in one of its versions, does not read as texts.
const WORDS: [&str; 11] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"];

/// Returns a text as a scalar that is read as this text, within brackets, too: plain where that is the same text.
pub fn as_scalar(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '/' | '-' | ' ');
    let begins = text.starts_with(|c: char| c.is_alphabetic() || c == '/');
    let is_word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if begins && !is_word && !text.ends_with(' ') && text.chars().all(is_plain) {
        return text.to_owned();
    }
    // A text always has a form in JSON, which is one in YAML.
    json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Yaml, read, resolve};
    use super::*;

    fn is_read(written: &str) -> Yaml {
        let document = read(written).unwrap_or_else(|failure| panic!("{written}: {failure:?}")).remove(0);
        resolve(document, written).0.value
    }

    #[test]
    fn texts_are_quoted_where_yaml_would_read_something_else() {
        for (text, written) in [
            ("checkout", "checkout"),
            ("auth-service", "auth-service"),
            ("POST /pay", "POST /pay"),
            ("/cart", "/cart"),
            ("Größe", "Größe"),
            ("GET /products/{id}", r#""GET /products/{id}""#),
            ("401", r#""401""#),
            ("No", r#""No""#),
            ("a: b", r#""a: b""#),
            ("", r#""""#),
            ("a\u{2028}b\n", r#""a\u2028b\n""#),
        ] {
            assert_eq!(as_scalar(text), written);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_as_it_was(text in any::<String>()) {
            let list = format!("[{}]", as_scalar(&text));
            let Yaml::List(items) = is_read(&list) else { panic!("{list}") };
            prop_assert_eq!(&items[0].value, &Yaml::Text(text));
        }

        #[test]
        fn any_word_is_read_as_it_was(text in "[a-zA-Z/0-9_. -]{0,12}") {
            let map = format!("{{k: {}}}", as_scalar(&text));
            let Yaml::Map(entries) = is_read(&map) else { panic!("{map}") };
            prop_assert_eq!(&entries[0].value.value, &Yaml::Text(text));
        }
    }
}
