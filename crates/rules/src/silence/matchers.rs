//! The matchers of a silence: all of them must match.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::error::SilenceError;
use super::matcher::{Matcher, joined};
use crate::expr::nearest::nearest;
use crate::keys::SEVERITIES;

/// Matchers that make sense together.
#[derive(Debug, Clone, PartialEq)]
pub struct Matchers(Vec<Matcher>);

/// The reason why matchers are not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The number of the matcher; none where it is all of them together.
    pub matcher: Option<usize>,
    /// The fault, in one line.
    pub message: String,
    /// The text to write instead.
    pub hint: Option<String>,
}

impl Matchers {
    /// Takes matchers of a new silence. Of several `=` about one label, one must be equal.
    ///
    /// # Errors
    ///
    /// All [`Refusal`]s: a matcher without a value, of a severity that there is not, or none that does not also match
    /// what is missing, so that the silence would be about nearly everything.
    pub fn new(matchers: impl IntoIterator<Item = Matcher>) -> Result<Self, Vec<Refusal>> {
        let matchers: Vec<Matcher> = joined(matchers.into_iter().map(|matcher| (matcher, ())))
            .into_iter()
            .map(|(one, _)| one)
            .collect();
        let mut refusals: Vec<Refusal> =
            matchers.iter().enumerate().filter_map(|(number, matcher)| refused(number, matcher)).collect();
        if refusals.is_empty() && matchers.iter().all(|matcher| matcher.matches("")) {
            refusals.push(about_everything(&matchers));
        }
        if refusals.is_empty() { Ok(Self(matchers)) } else { Err(refusals) }
    }

    /// The matchers, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Matcher> {
        self.0.iter()
    }

    /// Returns whether all of them match an alert with these labels; one that is missing is the empty text.
    pub fn match_all(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|matcher| matcher.matches(labels.get(matcher.label()).map_or("", String::as_str)))
    }
}

fn refused(number: usize, matcher: &Matcher) -> Option<Refusal> {
    let label = matcher.label();
    let refusal =
        |message: String, hint: Option<String>| Some(Refusal { matcher: Some(number), message, hint });
    let is_empty = matcher.pattern_text() == Some("") || matcher.values().iter().any(String::is_empty);
    if is_empty {
        let what = if matcher.pattern_text().is_some() { "pattern" } else { "value" };
        return refusal(
            format!("the matcher of `{label}` has an empty {what}"),
            Some(format!(
                "a variable that is not set looks like this; `{label}=~\".+\"` is for whatever has a value, `{label}!~\".+\"` for what has none"
            )),
        );
    }
    if label == "severity" {
        let listed = "there are info, warning and critical";
        if let Some(unknown) = matcher.values().iter().find(|value| !SEVERITIES.contains(&value.as_str())) {
            let near = nearest(unknown, SEVERITIES.iter().copied());
            let hint = near.map_or_else(|| listed.to_owned(), |near| format!("did you mean `{near}`?"));
            return refusal(format!("`{unknown}` is not a severity"), Some(hint));
        }
        if matcher.pattern_text().is_some() && !SEVERITIES.iter().any(|severity| matcher.means(severity)) {
            let message = format!("`{}` matches no severity as a whole", matcher.named());
            return refusal(message, Some(listed.to_owned()));
        }
    }
    None
}

fn about_everything(matchers: &[Matcher]) -> Refusal {
    if matchers.is_empty() {
        let message = SilenceError::NoMatcher.to_string();
        return Refusal { matcher: None, message, hint: Some("name a rule: `rule=X`".to_owned()) };
    }
    let all: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    Refusal {
        matcher: None,
        message: format!(
            "`{}` also matches what has no such label: it would mute nearly everything",
            all.join(", ")
        ),
        hint: Some("add a matcher that says what is meant; `rule=~\".+\"` is for every rule".to_owned()),
    }
}

impl fmt::Display for Matchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, matcher) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{matcher}")?;
        }
        Ok(())
    }
}

/// A list of matchers as texts.
impl Serialize for Matchers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(ToString::to_string))
    }
}

/// Reads what is stored: a list of texts, or, from earlier versions, a mapping of label to text, texts or `{matches}`.
///
/// Matchers that would be refused today are read all the same, and mean what they meant: a silence in force stays so.
impl<'de> Deserialize<'de> for Matchers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Stored)
    }
}

struct Stored;

impl<'de> Visitor<'de> for Stored {
    type Value = Matchers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of matchers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Matchers, A::Error> {
        let mut matchers = Vec::new();
        while let Some(text) = items.next_element::<String>()? {
            matchers.push(Matcher::parse(&text).map_err(A::Error::custom)?);
        }
        of_stored(matchers)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Matchers, A::Error> {
        let mut matchers = Vec::new();
        while let Some((label, form)) = entries.next_entry::<String, Form>()? {
            let matcher = match form {
                Form::One(value) => Matcher::equal(label.as_str(), value),
                Form::AnyOf(values) => {
                    let equal = values.into_iter().map(|value| (Matcher::equal(label.as_str(), value), ()));
                    let Some((matcher, _)) = joined(equal).pop() else {
                        return Err(A::Error::custom(format!("the matcher of `{label}` lists no value")));
                    };
                    matcher
                }
                Form::Matches { matches } => {
                    Matcher::found(label.as_str(), &matches).map_err(A::Error::custom)?
                }
            };
            // It was about alerts that have the label, whatever it says of the empty text.
            if matcher.matches("") {
                matchers.push(Matcher::pattern(label, ".+").map_err(A::Error::custom)?);
            }
            matchers.push(matcher);
        }
        of_stored(matchers)
    }
}

fn of_stored<E: serde::de::Error>(matchers: Vec<Matcher>) -> Result<Matchers, E> {
    if matchers.is_empty() { Err(E::custom(SilenceError::NoMatcher)) } else { Ok(Matchers(matchers)) }
}

/// A matcher as earlier versions stored it.
#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    One(String),
    AnyOf(Vec<String>),
    Matches { matches: String },
}
