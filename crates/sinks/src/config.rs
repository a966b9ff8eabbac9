//! The configuration of sinks, and sinks from it.
//!
//! ```yaml
//! sinks:
//!   - type: slack
//!     name: payments-chat              # default: the type
//!     url: {env: SLACK_WEBHOOK_URL}    # a secret: from the environment, or the text itself
//!     severity: [critical]             # what to send there; default: everything
//!     labels: {team: payments}
//! ```
//!
//! A key that is not known is an error. Secrets in the environment are asked for through a function: this crate does
//! not read the environment itself.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use aws_types::SdkConfig;
use fluo_rules::duration::Nanos;
use fluo_rules::rule::Severity;
use serde::de::{DeserializeOwned, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::alertmanager::Alertmanager;
use crate::error::ConfigError;
use crate::file::File;
use crate::filter::{Filter, Routed};
use crate::http::Endpoint;
use crate::otlp::Otlp;
use crate::pagerduty::PagerDuty;
use crate::slack::Slack;
use crate::sns::Sns;
use crate::stdout::Stdout;
use crate::teams::Teams;
use crate::webhook::{SigningKey, Webhook};
use crate::{Sink, alertmanager, pagerduty};

/// Where secrets come from: the value of an environment variable by its name.
pub type Secrets<'a> = &'a dyn Fn(&str) -> Option<String>;

/// How long a service may take to answer, unless `timeout` says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// The words that `type` may be.
const TYPES: [&str; 9] =
    ["alertmanager", "file", "otlp", "pagerduty", "slack", "sns", "stdout", "teams", "webhook"];

/// One sink as it is configured.
#[derive(Debug, Clone)]
pub struct SinkConfig {
    name: String,
    filter: Filter,
    timeout: Duration,
    kind: Kind,
}

impl SinkConfig {
    /// The sink's name: `name`, or its type.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it wants.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// The word that `type` is.
    pub fn kind(&self) -> &'static str {
        match self.kind {
            Kind::Stdout => "stdout",
            Kind::File(_) => "file",
            Kind::Webhook(_) => "webhook",
            Kind::Slack(_) => "slack",
            Kind::Teams(_) => "teams",
            Kind::PagerDuty(_) => "pagerduty",
            Kind::Alertmanager(_) => "alertmanager",
            Kind::Sns(_) => "sns",
            Kind::Otlp(_) => "otlp",
        }
    }

    /// The keys whose secrets stand in the configuration as text: for an edge whose configuration is no place for
    /// secrets.
    ///
    /// The address of a webhook, of Slack and of Teams is a password by itself; that of the others only where it holds
    /// user or query. A header may be one, so every header is.
    pub fn secrets_as_text(&self) -> Vec<String> {
        let mut keys: Vec<(String, &Secret)> = Vec::new();
        let mut add = |key: &str, secret| keys.push((key.to_owned(), secret));
        match &self.kind {
            Kind::Slack(own) | Kind::Teams(own) => add("url", &own.url),
            Kind::Webhook(own) => {
                add("url", &own.url);
                own.signing_keys.iter().for_each(|key| add("signing_keys", key));
            }
            Kind::PagerDuty(own) => {
                add("routing_key", &own.routing_key);
                own.url.iter().filter(|url| url.is_address_with_password()).for_each(|url| add("url", url));
            }
            Kind::Alertmanager(own) if own.url.is_address_with_password() => add("url", &own.url),
            Kind::Otlp(own) if own.endpoint.is_address_with_password() => add("endpoint", &own.endpoint),
            Kind::Alertmanager(_) | Kind::Otlp(_) | Kind::Stdout | Kind::File(_) | Kind::Sns(_) => {}
        }
        if let Kind::Webhook(WebhookKeys { headers, .. })
        | Kind::Alertmanager(AlertmanagerKeys { headers, .. })
        | Kind::Otlp(OtlpKeys { headers, .. }) = &self.kind
        {
            for (header, value) in headers {
                add(&format!("headers.{header}"), value);
            }
        }
        keys.retain(|(_, secret)| secret.is_text());
        keys.dedup_by(|(one, _), (other, _)| one == other);
        keys.into_iter().map(|(key, _)| key).collect()
    }
}

#[derive(Debug, Clone)]
enum Kind {
    Stdout,
    File(FileKeys),
    Webhook(WebhookKeys),
    Slack(UrlKeys),
    Teams(UrlKeys),
    PagerDuty(PagerDutyKeys),
    Alertmanager(AlertmanagerKeys),
    Sns(SnsKeys),
    Otlp(OtlpKeys),
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoKeys {}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileKeys {
    path: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct UrlKeys {
    url: Secret,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WebhookKeys {
    url: Secret,
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
    /// Several while one replaces another: each gives a signature.
    #[serde(default)]
    signing_keys: Vec<Secret>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct PagerDutyKeys {
    routing_key: Secret,
    url: Option<Secret>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct AlertmanagerKeys {
    url: Secret,
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
    expires_after: Option<Span>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct SnsKeys {
    topic_arn: String,
    endpoint: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct OtlpKeys {
    endpoint: Secret,
    #[serde(default)]
    headers: BTreeMap<String, Secret>,
}

/// A text that is not to be seen: given as it is, or as `{env: NAME}`.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The text itself.
    Text(String),
    /// The environment variable that holds it.
    Env(String),
}

impl Secret {
    fn is_text(&self) -> bool {
        matches!(self, Self::Text(_))
    }

    fn is_address_with_password(&self) -> bool {
        let Self::Text(text) = self else { return false };
        reqwest::Url::parse(text)
            .is_ok_and(|url| !url.username().is_empty() || url.password().is_some() || url.query().is_some())
    }

    fn resolve(&self, sink: &str, key: &str, secrets: Secrets<'_>) -> Result<String, ConfigError> {
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

/// A duration as rules write it (`10s`); positive.
#[derive(Debug, Clone, Copy)]
struct Span(Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let nanos = Nanos::parse(&text).map_err(|error| D::Error::custom(format!("`{text}`: {error}")))?;
        match u64::try_from(nanos.0) {
            Ok(nanos) if nanos > 0 => Ok(Self(Duration::from_nanos(nanos))),
            _ => Err(D::Error::custom(format!("`{text}` is not longer than nothing"))),
        }
    }
}

/// Keys that every type has; the others are the type's own.
#[derive(Deserialize)]
struct CommonKeys {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    #[serde(default)]
    severity: Vec<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    timeout: Option<Span>,
}

const COMMON: [&str; 5] = ["type", "name", "severity", "labels", "timeout"];

impl<'de> Deserialize<'de> for SinkConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut own = Map::deserialize(deserializer)?;
        // serde cannot flatten and refuse unknown keys at once: the two halves are told apart here.
        let mut common = Map::new();
        for key in COMMON {
            common.extend(own.remove_entry(key));
        }
        let common: CommonKeys = serde_json::from_value(Value::Object(common))
            .map_err(|error| D::Error::custom(format!("a sink: {error}")))?;
        let CommonKeys { kind, name, severity, labels, timeout } = common;
        let name = name.unwrap_or_else(|| kind.clone());
        read(&kind, own, &severity)
            .map(|(kind, severity)| Self {
                name: name.clone(),
                filter: Filter { severity, labels },
                timeout: timeout.map_or(DEFAULT_TIMEOUT, |Span(timeout)| timeout),
                kind,
            })
            .map_err(|reason| D::Error::custom(format!("sink `{name}`: {reason}")))
    }
}

fn read(kind: &str, own: Map<String, Value>, severity: &[String]) -> Result<(Kind, Vec<Severity>), String> {
    fn keys<K: DeserializeOwned>(own: Map<String, Value>) -> Result<K, String> {
        serde_json::from_value(Value::Object(own)).map_err(|error| {
            let error = error.to_string();
            if !error.starts_with("unknown field") {
                return error;
            }
            format!("{error}; every sink also takes {}", COMMON.map(|key| format!("`{key}`")).join(", "))
        })
    }
    let kind = match kind {
        "stdout" => keys(own).map(|NoKeys {}| Kind::Stdout)?,
        "file" => Kind::File(keys(own)?),
        "webhook" => Kind::Webhook(keys(own)?),
        "slack" => Kind::Slack(keys(own)?),
        "teams" => Kind::Teams(keys(own)?),
        "pagerduty" => Kind::PagerDuty(keys(own)?),
        "alertmanager" => Kind::Alertmanager(keys(own)?),
        "sns" => Kind::Sns(keys(own)?),
        "otlp" => Kind::Otlp(keys(own)?),
        other => return Err(format!("`{other}` is not a type; there are {}", TYPES.join(", "))),
    };
    let severity = severity
        .iter()
        .map(|word| {
            [Severity::Info, Severity::Warning, Severity::Critical]
                .into_iter()
                .find(|severity| severity.as_str() == word)
                .ok_or_else(|| format!("`{word}` is not a severity; there are info, warning, critical"))
        })
        .collect::<Result<_, _>>()?;
    Ok((kind, severity))
}

/// The sink that `config` describes.
///
/// For `sns` the credentials are those of the environment (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
/// `AWS_SESSION_TOKEN`, as a function has them), asked for through `secrets`; [`build_with_aws`] takes any others.
pub fn build(config: &SinkConfig, secrets: Secrets<'_>) -> Result<Box<dyn Sink>, ConfigError> {
    build_with_aws(config, secrets, None)
}

/// The same with credentials, and an HTTP client, from an AWS configuration that the edge has loaded.
pub fn build_with_aws(
    config: &SinkConfig,
    secrets: Secrets<'_>,
    aws: Option<&SdkConfig>,
) -> Result<Box<dyn Sink>, ConfigError> {
    let name = config.name.as_str();
    let secret = |key: &str, secret: &Secret| secret.resolve(name, key, secrets);
    let endpoint = |key: &str, address: &str| Endpoint::new(name, key, address, config.timeout, secrets);
    let with_headers = |mut endpoint: Endpoint, headers: &BTreeMap<String, Secret>| {
        for (header, value) in headers {
            endpoint = endpoint.header(header, secret(&format!("headers.{header}"), value)?)?;
        }
        Ok(endpoint)
    };
    Ok(match &config.kind {
        Kind::Stdout => Box::new(Stdout::new(name, std::io::stdout())),
        Kind::File(keys) => Box::new(File::new(name, &keys.path)),
        Kind::Webhook(keys) => {
            let endpoint = with_headers(endpoint("url", &secret("url", &keys.url)?)?, &keys.headers)?;
            let signing_keys = keys
                .signing_keys
                .iter()
                .map(|key| SigningKey::parse(name, &secret("signing_keys", key)?))
                .collect::<Result<_, ConfigError>>()?;
            Box::new(Webhook::new(endpoint, signing_keys))
        }
        Kind::Slack(keys) => Box::new(Slack::new(endpoint("url", &secret("url", &keys.url)?)?)),
        Kind::Teams(keys) => Box::new(Teams::new(endpoint("url", &secret("url", &keys.url)?)?)),
        Kind::PagerDuty(keys) => {
            let url = keys.url.as_ref().map(|url| secret("url", url)).transpose()?;
            let endpoint = endpoint("url", url.as_deref().unwrap_or(pagerduty::URL))?;
            Box::new(PagerDuty::new(endpoint, secret("routing_key", &keys.routing_key)?))
        }
        Kind::Alertmanager(keys) => {
            let endpoint = with_headers(endpoint("url", &secret("url", &keys.url)?)?, &keys.headers)?;
            let expires = keys.expires_after.map_or(alertmanager::EXPIRES_AFTER, |Span(after)| after);
            Box::new(Alertmanager::new(endpoint, expires))
        }
        Kind::Sns(keys) => {
            let endpoint = keys.endpoint.as_deref();
            Box::new(Sns::new(name, &keys.topic_arn, endpoint, config.timeout, secrets, aws)?)
        }
        Kind::Otlp(keys) => {
            let endpoint = endpoint("endpoint", &secret("endpoint", &keys.endpoint)?)?;
            Box::new(Otlp::new(with_headers(endpoint, &keys.headers)?))
        }
    })
}

/// All sinks with what they want; their names differ.
pub fn route_all(
    configs: &[SinkConfig],
    secrets: Secrets<'_>,
    aws: Option<&SdkConfig>,
) -> Result<Vec<Routed>, ConfigError> {
    let mut names: Vec<_> = configs.iter().map(SinkConfig::name).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(ConfigError::Duplicate { name: pair[0].to_owned() });
    }
    configs
        .iter()
        .map(|config| {
            let sink = build_with_aws(config, secrets, aws)?;
            Ok(Routed { sink, filter: config.filter.clone() })
        })
        .collect()
}
