//! The configuration of a sink.
//!
//! ```yaml
//! sinks:
//!   - type: slack
//!     name: payments-chat              # default: the type
//!     url: {env: SLACK_WEBHOOK_URL}    # a secret: from the environment, or the text itself
//!     severity: [critical]             # what to send there; default: everything
//!     labels: {team: payments}
//!     together: false                  # every alert by itself; default: of a chat, related ones in one message
//! ```
//!
//! Its keys, and what is told of mistakes, are in `fluo_rules::config`; what is read here is the document that passed
//! there. A test goes through all keys, so that the two do not drift apart.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use fluo_alerts::wire;
use fluo_rules::rule::Severity;
use fluo_time::Nanos;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::filter::Filter;
use crate::secret::Secret;

/// The time that a service may take to answer, unless `timeout` says otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// One sink as it is configured.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Written")]
pub struct SinkConfig {
    name: String,
    filter: Filter,
    together: Option<bool>,
    pub(crate) timeout: Duration,
    pub(crate) kind: Kind,
}

impl SinkConfig {
    /// The sink's name: `name`, or its type.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the filter of what it wants.
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Returns whether related alerts are one message there. People want one; a program that keeps account of alerts wants
    /// each, unless it is told otherwise; and to pagers and their kind each is an incident of its own.
    pub fn is_together(&self) -> bool {
        match self.kind {
            Kind::PagerDuty(_) | Kind::Alertmanager(_) => false,
            Kind::Stdout(_) | Kind::File(_) | Kind::Webhook(_) | Kind::Otlp(_) => {
                self.together.unwrap_or(false)
            }
            Kind::Slack(_) | Kind::Teams(_) | Kind::Sns(_) => self.together.unwrap_or(true),
        }
    }

    /// The word that `type` is.
    pub fn kind(&self) -> &'static str {
        self.kind.word()
    }

    /// The headers of its requests, where its type has such.
    pub(crate) fn headers(&self) -> Option<&BTreeMap<String, Secret>> {
        match &self.kind {
            Kind::Webhook(WebhookKeys { headers, .. })
            | Kind::Alertmanager(AlertmanagerKeys { headers, .. })
            | Kind::Otlp(OtlpKeys { headers, .. }) => Some(headers),
            _ => None,
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
            Kind::Alertmanager(_) | Kind::Otlp(_) | Kind::Stdout(_) | Kind::File(_) | Kind::Sns(_) => {}
        }
        for (header, value) in self.headers().into_iter().flatten() {
            add(&format!("headers.{header}"), value);
        }
        keys.retain(|(_, secret)| secret.is_text());
        keys.dedup_by(|(one, _), (other, _)| one == other);
        keys.into_iter().map(|(key, _)| key).collect()
    }
}

/// The type, with its own keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Kind {
    Stdout(NoKeys),
    File(FileKeys),
    Webhook(WebhookKeys),
    Slack(UrlKeys),
    Teams(UrlKeys),
    PagerDuty(PagerDutyKeys),
    Alertmanager(AlertmanagerKeys),
    Sns(SnsKeys),
    Otlp(OtlpKeys),
}

impl Kind {
    fn word(&self) -> &'static str {
        match self {
            Self::Stdout(_) => "stdout",
            Self::File(_) => "file",
            Self::Webhook(_) => "webhook",
            Self::Slack(_) => "slack",
            Self::Teams(_) => "teams",
            Self::PagerDuty(_) => "pagerduty",
            Self::Alertmanager(_) => "alertmanager",
            Self::Sns(_) => "sns",
            Self::Otlp(_) => "otlp",
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoKeys {}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileKeys {
    pub(crate) path: PathBuf,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UrlKeys {
    pub(crate) url: Secret,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookKeys {
    pub(crate) url: Secret,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Secret>,
    /// Several while one replaces another: each gives a signature.
    #[serde(default)]
    pub(crate) signing_keys: Vec<Secret>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PagerDutyKeys {
    pub(crate) routing_key: Secret,
    pub(crate) url: Option<Secret>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlertmanagerKeys {
    pub(crate) url: Secret,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Secret>,
    #[serde(default, deserialize_with = "duration")]
    pub(crate) expires_after: Option<Duration>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SnsKeys {
    pub(crate) topic_arn: String,
    pub(crate) endpoint: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OtlpKeys {
    pub(crate) endpoint: Secret,
    #[serde(default)]
    pub(crate) headers: BTreeMap<String, Secret>,
}

/// A duration as rules write it (`10s`); positive.
fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let nanos = Nanos::positive(&String::deserialize(deserializer)?).map_err(D::Error::custom)?;
    Ok(Some(Duration::from_nanos(nanos.0.unsigned_abs())))
}

/// As it is written.
#[derive(Deserialize)]
struct Written {
    name: Option<String>,
    #[serde(default)]
    severity: Vec<Word>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default, deserialize_with = "duration")]
    timeout: Option<Duration>,
    together: Option<bool>,
    #[serde(flatten)]
    kind: Kind,
}

/// A severity by its name.
#[derive(Deserialize)]
struct Word(#[serde(with = "wire::severity")] Severity);

impl From<Written> for SinkConfig {
    fn from(written: Written) -> Self {
        let Written { name, severity, labels, timeout, together, kind } = written;
        let severity = severity.into_iter().map(|Word(severity)| severity).collect();
        Self {
            name: name.unwrap_or_else(|| kind.word().to_owned()),
            filter: Filter { severity, labels },
            together,
            timeout: timeout.unwrap_or(DEFAULT_TIMEOUT),
            kind,
        }
    }
}
