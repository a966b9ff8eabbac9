//! The errors of sinks: sending a notification, and reading how it is to be sent.

use std::time::Duration;

use fluo_alerts::escape::plain;

/// The most bytes of a service's answer that an error repeats.
const MAX_ANSWER: usize = 300;

/// The reasons why a notification was not delivered.
///
/// The texts hold no secret: of an address they name scheme, host and port only (the path of a chat program's webhook
/// is its password), and what a service answers is cleaned, cut, and freed of every secret that was sent to it. For the
/// same reason there is no `source` to follow.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// Occurs when it may be delivered later: no connection, a timeout, an overloaded service, a permission that
    /// somebody has to repair.
    #[error("sink `{sink}` could not {tried}: {why}")]
    Retry {
        /// The sink's name.
        sink: String,
        /// The action that was tried.
        tried: String,
        /// The reason why it failed.
        why: String,
        /// The time that the service asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// Occurs when the service refuses this message, or is not what the configuration takes it for: the same again
    /// would be refused again.
    #[error("sink `{sink}` could not {tried}: {why}")]
    Permanent {
        /// The sink's name.
        sink: String,
        /// The action that was tried.
        tried: String,
        /// The reason why it failed.
        why: String,
    },
}

impl SinkError {
    pub(crate) fn retry(sink: &str, tried: &str, why: &str) -> Self {
        let [sink, tried, why] = [sink, tried, why].map(shown);
        Self::Retry { sink, tried, why, retry_after: None }
    }

    pub(crate) fn permanent(sink: &str, tried: &str, why: &str) -> Self {
        let [sink, tried, why] = [sink, tried, why].map(shown);
        Self::Permanent { sink, tried, why }
    }

    /// Returns whether trying again can help.
    pub fn is_retry(&self) -> bool {
        matches!(self, Self::Retry { .. })
    }

    /// Returns the time that the service asks to be left alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Retry { retry_after, .. } => *retry_after,
            Self::Permanent { .. } => None,
        }
    }
}

fn shown(text: &str) -> String {
    plain(text).into_owned()
}

/// A service's answer as errors repeat it: clean, on one line, and short.
pub(crate) fn answer(text: &str) -> String {
    let text = plain(text.trim());
    let end = text.floor_char_boundary(MAX_ANSWER);
    if end < text.len() { format!("{}…", &text[..end]) } else { text.into_owned() }
}

/// The reasons why a sink cannot be made from its configuration. What is wrong with its form is told by the
/// deserializer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Occurs when a secret is to be taken from an environment variable that is not set, or empty.
    #[error("sink `{sink}`: `{key}` is to come from the environment variable `{variable}`, which is not set")]
    MissingSecret {
        /// The sink's name.
        sink: String,
        /// The key of the configuration.
        key: String,
        /// The variable's name.
        variable: String,
    },
    /// Occurs when a value cannot be used.
    #[error("sink `{sink}`: `{key}` {reason}")]
    Invalid {
        /// The sink's name.
        sink: String,
        /// The key of the configuration.
        key: String,
        /// The reason, and what to write instead.
        reason: String,
    },
    /// Occurs when two sinks bear one name.
    #[error("two sinks are called `{name}`: give one of them another `name`")]
    Duplicate {
        /// The name.
        name: String,
    },
}

impl ConfigError {
    /// The key whose value cannot be used.
    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            Self::MissingSecret { key, .. } | Self::Invalid { key, .. } => Some(key),
            Self::Duplicate { .. } => None,
        }
    }

    pub(crate) fn invalid(sink: &str, key: &str, reason: impl Into<String>) -> Self {
        Self::Invalid { sink: sink.to_owned(), key: key.to_owned(), reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_one_short_clean_line() {
        assert_eq!(answer("  no\u{1b}[31m such\nhook\u{202e} "), "no[31m such hook");
        assert_eq!(answer(&"é".repeat(400)), format!("{}…", "é".repeat(150)));
        assert_eq!(answer(""), "");
    }
}
