//! What a silence asks of one label.

use regex::Regex;
use serde::{Deserialize, Serialize};

use crate::expr::compile_pattern;

/// Values of a label that match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Form", into = "Form")]
pub enum Labels {
    /// One of these texts.
    AnyOf(Vec<String>),
    /// Those in which the pattern is found.
    Matches(Pattern),
}

impl Labels {
    /// Whether a label's value matches.
    pub(super) fn match_text(&self, value: &str) -> bool {
        match self {
            Self::AnyOf(values) => values.iter().any(|wanted| wanted == value),
            Self::Matches(pattern) => pattern.regex.is_match(value),
        }
    }
}

/// A regular expression, unanchored, in the syntax of the `regex` crate.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern {
    text: String,
    regex: Regex,
}

impl Pattern {
    /// Compiles it.
    pub fn new(text: impl Into<String>) -> Result<Self, regex::Error> {
        let text = text.into();
        compile_pattern(&text).map(|regex| Self { text, regex })
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl TryFrom<String> for Pattern {
    type Error = regex::Error;

    fn try_from(text: String) -> Result<Self, regex::Error> {
        Self::new(text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.text
    }
}

/// As written: a text, a list of texts, or `{matches: …}`.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
enum Form {
    One(String),
    AnyOf(Vec<String>),
    Matches { matches: Pattern },
}

/// By hand: what serde makes of an untagged enum keeps the reason to itself.
impl<'de> Deserialize<'de> for Form {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FormVisitor)
    }
}

struct FormVisitor;

impl<'de> serde::de::Visitor<'de> for FormVisitor {
    type Value = Form;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a text, a list of texts, or `{\"matches\": …}`")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Form, E> {
        Ok(Form::One(text.to_owned()))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Form, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element()? {
            values.push(value);
        }
        Ok(Form::AnyOf(values))
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, entries: A) -> Result<Form, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Matches {
            matches: Pattern,
        }
        let Matches { matches } =
            Matches::deserialize(serde::de::value::MapAccessDeserializer::new(entries))?;
        Ok(Form::Matches { matches })
    }
}

impl From<Form> for Labels {
    fn from(form: Form) -> Self {
        match form {
            Form::One(value) => Self::AnyOf(vec![value]),
            Form::AnyOf(values) => Self::AnyOf(values),
            Form::Matches { matches } => Self::Matches(matches),
        }
    }
}

impl From<Labels> for Form {
    fn from(labels: Labels) -> Self {
        match labels {
            Labels::AnyOf(mut values) => match (values.len(), values.pop()) {
                (1, Some(only)) => Self::One(only),
                (_, last) => Self::AnyOf(values.into_iter().chain(last).collect()),
            },
            Labels::Matches(matches) => Self::Matches { matches },
        }
    }
}
