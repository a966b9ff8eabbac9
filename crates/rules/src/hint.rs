//! Advice about a mistake: a sentence for people and, where it is exact enough, the text that an editor puts in place.

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

/// The text that would stand in place of what a finding points at.
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

#[cfg(test)]
mod tests {
    use crate::{SourceFile, load};

    /// The file with the edits of all its findings, the last one first.
    fn mended(text: &str) -> String {
        let findings = load(&[SourceFile::new("rules.yml", text)]).findings;
        let mut edits: Vec<_> = findings.iter().filter_map(|finding| finding.edit(text)).collect();
        assert!(!edits.is_empty(), "{text}: {findings:?}");
        edits.sort_by_key(|edit| edit.bytes.start);
        let mut mended = text.to_owned();
        for edit in edits.into_iter().rev() {
            mended.replace_range(edit.bytes, &edit.text);
        }
        mended
    }

    #[test]
    fn the_edits_of_hints_leave_nothing_to_find() {
        for (scenario, rule, expected) in [
            ("a key", "span: {servce_name: a}", "span: {service_name: a}"),
            ("a key in quotes", "span: {\"servce_name\": a}", "span: {\"service_name\": a}"),
            ("a key of another tool", "span: {service: a}", "span: {service_name: a}"),
            ("an operator of another tool", "span: {name: {regex: a}}", "span: {name: {matches: a}}"),
            ("a word", "span: {kind: sever}", "span: {kind: server}"),
            ("a word in quotes", "span: {kind: 'sever'}", "span: {kind: 'server'}"),
            (
                "a severity of another tool",
                "span: {name: a}, severity: page",
                "span: {name: a}, severity: critical",
            ),
            ("a truth", "span: {name: a}, enabled: yes", "span: {name: a}, enabled: true"),
            ("a duration", "span: {name: a}, window: 5 min", "span: {name: a}, window: 5m"),
            ("a comparison", "span: {duration: '>5s'}", "span: {duration: {gt: 5s}}"),
            (
                "a class of codes",
                "span: {attributes: {http.response.status_code: 5xx}}",
                "span: {attributes: {http.response.status_code: {gte: 500, lt: 600}}}",
            ),
            ("an attribute", "span: {attributes: {http.rout: a}}", "span: {attributes: {http.route: a}}"),
            (
                "a group key",
                "span: {name: a}, group_by: [http.rout]",
                "span: {name: a}, group_by: [http.route]",
            ),
            ("a field in an expression", "span: {where: 'durtion > 5s'}", "span: {where: 'duration > 5s'}"),
            ("a word in an expression", "span: {where: status = eror}", "span: {where: status = error}"),
            (
                "a function behind quotes in quotes",
                "span: {where: 'name = ''a'' and start_with(name, \"b\")'}",
                "span: {where: 'name = ''a'' and starts_with(name, \"b\")'}",
            ),
        ] {
            let whole = |rule: &str| format!("- {{name: r, {rule}, condition: count > 5}}\n");
            let text = mended(&whole(rule));
            assert_eq!(text, whole(expected), "{scenario}");
            assert_eq!(load(&[SourceFile::new("rules.yml", text.as_str())]).findings, [], "{scenario}");
        }
        let condition = "- name: r\n  span: {name: a}\n  condition: >-\n    cuont > 5\n    and lt(cout, 9)\n";
        assert_eq!(mended(condition), condition.replace("cuont", "count").replace("cout", "count"));
    }

    #[test]
    fn what_cannot_be_pointed_at_is_not_edited() {
        // Nobody knows where in the alias' anchor the word belongs, nor which of two is meant.
        for text in [
            "- {name: r, span: {where: &w 'durtion > 5s'}, condition: count > 5}\n- {name: s, span: {where: *w}, condition: count > 5}\n",
            "- {name: r, span: {where: 'any[\"http.rout\"] = \"x\"'}, condition: count > 5}\n",
        ] {
            let findings = load(&[SourceFile::new("rules.yml", text)]).findings;
            let wrong = findings.iter().filter_map(|finding| finding.edit(text));
            for edit in wrong {
                assert_eq!(
                    (&text[edit.bytes.clone()], edit.text.as_str()),
                    ("durtion", "duration"),
                    "{text}"
                );
            }
            assert!(findings.iter().any(|finding| finding.edit(text).is_none()), "{findings:?}");
        }
    }
}
