//! What to do about a mistake: a sentence for people and, where it is exact enough, the text that an editor puts in place.

use std::fmt;
use std::ops::{Deref, Range};

use fluo_time::duration::DurationError;

use crate::diagnostic::{Finding, Place};

/// Advice about a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    text: String,
    instead: Option<Instead>,
}

/// What would stand in place of what a finding points at.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Instead {
    /// Another word: quotes around the present one stay.
    Word(String),
    /// Another value, as YAML has it.
    Value(String),
}

/// An edit of a file that removes a mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The bytes of the file that are replaced.
    pub bytes: Range<usize>,
    /// The text that is put there.
    pub text: String,
}

impl Hint {
    /// Asks for another word, which stands in place of the one that the finding points at.
    pub fn did_you_mean(word: &str) -> Self {
        Self { text: format!("did you mean `{word}`?"), instead: Some(Instead::Word(word.to_owned())) }
    }

    /// Adds the value that stands in place of the one that the finding points at, as YAML has it.
    pub(crate) fn instead(self, value: impl Into<String>) -> Self {
        Self { instead: Some(Instead::Value(value.into())), ..self }
    }

    /// Leaves the advice, and no edit: what the finding points at is not what is to be replaced.
    pub(crate) fn without_edit(self) -> Self {
        Self { instead: None, ..self }
    }

    /// The text, to be changed.
    pub(crate) fn text_mut(&mut self) -> &mut String {
        &mut self.text
    }

    /// The same with another text.
    pub(crate) fn map(self, change: impl FnOnce(String) -> String) -> Self {
        Self { text: change(self.text), instead: self.instead }
    }
}

impl Deref for Hint {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<String> for Hint {
    fn from(text: String) -> Self {
        Self { text, instead: None }
    }
}

impl From<&DurationError> for Hint {
    fn from(error: &DurationError) -> Self {
        let text = Self::from(error.hint());
        match error.meant() {
            Some(meant) if text.contains(&meant) => Self { instead: Some(Instead::Word(meant)), ..text },
            _ => text,
        }
    }
}

impl From<&str> for Hint {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl Finding {
    /// Returns the edit of `text`, the file's, that its hint asks for, where there is one.
    pub fn edit(&self, text: &str) -> Option<Edit> {
        let Place { bytes, .. } = &self.place;
        let present = text.get(bytes.clone()).filter(|present| !present.is_empty())?;
        let text = match self.hint.as_ref()?.instead.as_ref()? {
            Instead::Word(word) => {
                let quote = present.chars().next().filter(|first| matches!(first, '\'' | '"'));
                let quote = quote.filter(|quote| present.len() > 1 && present.ends_with(*quote));
                let quote = quote.map(String::from).unwrap_or_default();
                format!("{quote}{word}{quote}")
            }
            Instead::Value(value) => value.clone(),
        };
        Some(Edit { bytes: bytes.clone(), text })
    }
}
