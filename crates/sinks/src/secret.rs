//! Texts of a configuration that are not to be seen.

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::error::ConfigError;

/// The source of secrets: the value of an environment variable by its name.
pub type Secrets<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A text that is not to be seen: given as it is, or as `{env: NAME}`.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The text itself.
    Text(String),
    /// The environment variable that holds it.
    Env(String),
}

impl Secret {
    pub(crate) fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    pub(crate) fn is_address_with_password(&self) -> bool {
        let Self::Text(text) = self else { return false };
        reqwest::Url::parse(text)
            .is_ok_and(|url| !url.username().is_empty() || url.password().is_some() || url.query().is_some())
    }

    pub(crate) fn resolve(&self, sink: &str, key: &str, secrets: Secrets<'_>) -> Result<String, ConfigError> {
        match self {
            Self::Text(text) => Ok(text.clone()),
            Self::Env(variable) => {
                secrets(variable).filter(|text| !text.is_empty()).ok_or_else(|| ConfigError::MissingSecret {
                    sink: sink.to_owned(),
                    key: key.to_owned(),
                    variable: variable.clone(),
                })
            }
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("***"),
            Self::Env(variable) => write!(f, "{{env: {variable}}}"),
        }
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrEnv;
        impl<'de> Visitor<'de> for TextOrEnv {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, or `{env: NAME}`")
            }

            fn visit_str<E>(self, text: &str) -> Result<Secret, E> {
                Ok(Secret::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Secret, A::Error> {
                match map.next_entry::<String, String>()? {
                    Some((key, variable)) if key == "env" && map.next_key::<String>()?.is_none() => {
                        Ok(Secret::Env(variable))
                    }
                    _ => Err(A::Error::custom("write a text, or `{env: NAME}` and nothing else")),
                }
            }
        }
        deserializer.deserialize_any(TextOrEnv)
    }
}
