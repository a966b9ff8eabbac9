//! `fluo.yml`: where the spans and the rules are, how they are evaluated, and who is told.
//!
//! ```yaml
//! store: s3://my-bucket          # or a folder, from the folder of this file
//! rules: [rules]                 # files and folders, from the folder of this file
//! every: 1m                      # how often `fluo run` evaluates
//! trace_url: https://traces.example/{trace_id}
//! sinks:
//!   - {type: slack, url: {env: SLACK_WEBHOOK_URL}}
//! ```
//!
//! A key that is not known is an error. Everything but `store` and `rules` may be left out.

use std::collections::BTreeMap;

use fluo_alerts::notification::Event;
use fluo_rules::duration::Nanos;
use fluo_rules::rule::Severity;
use fluo_sinks::SinkConfig;
use serde::{Deserialize, Deserializer};

use crate::settings::Settings;

/// What `fluo.yml` says.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The root of the store: a folder, or a URI.
    pub store: String,
    /// Rule files and folders.
    pub rules: Vec<String>,
    /// Distance of evaluations.
    #[serde(default = "minute", deserialize_with = "positive")]
    pub every: Nanos,
    /// Links to traces, with `{trace_id}` where the id belongs.
    #[serde(default)]
    pub trace_url: Option<String>,
    /// See [`Settings::eval_delay`].
    #[serde(default, deserialize_with = "optional")]
    pub eval_delay: Option<Nanos>,
    /// See [`Settings::allowed_lateness`].
    #[serde(default, deserialize_with = "optional")]
    pub allowed_lateness: Option<Nanos>,
    /// See [`Settings::stale_after`].
    #[serde(default, deserialize_with = "optional")]
    pub stale_after: Option<Nanos>,
    /// See [`Settings::max_catch_up`].
    #[serde(default, deserialize_with = "optional")]
    pub max_catch_up: Option<Nanos>,
    /// See [`Settings::delivery_limit`].
    #[serde(default, deserialize_with = "optional")]
    pub delivery_limit: Option<Nanos>,
    /// See [`Settings::rule_time`].
    #[serde(default, deserialize_with = "optional")]
    pub rule_time: Option<Nanos>,
    /// See [`Settings::rule_memory`]; in MiB.
    #[serde(default)]
    pub rule_memory_mib: Option<usize>,
    /// See [`Settings::trouble_severity`].
    #[serde(default, deserialize_with = "severities")]
    pub trouble_severity: BTreeMap<Event, Severity>,
    /// Who is told; by default standard output.
    #[serde(default)]
    pub sinks: Vec<SinkConfig>,
}

/// Why `fluo.yml` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Occurs when it is not what it should be; the text says where.
    #[error("{0}")]
    Yaml(String),
    /// Occurs when a setting from an environment is not what it should be.
    #[error("{0}")]
    Json(String),
    /// Occurs when links would name no trace.
    #[error("`trace_url` must hold `{{trace_id}}`, where a trace's id belongs")]
    TraceUrl,
}

fn minute() -> Nanos {
    Nanos::MINUTE
}

fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Nanos, D::Error> {
    let text = String::deserialize(deserializer)?;
    Nanos::positive(&text).map_err(serde::de::Error::custom)
}

fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Nanos>, D::Error> {
    positive(deserializer).map(Some)
}

/// Events of troubles, and severities.
fn severities<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Event, Severity>, D::Error> {
    #[derive(Deserialize)]
    struct Read(#[serde(with = "fluo_alerts::wire::severity")] Severity);
    let by_name = BTreeMap::<String, Read>::deserialize(deserializer)?;
    let event = |name: &str| {
        let found = Event::TROUBLES.into_iter().find(|event| event.as_str() == name);
        found.ok_or_else(|| {
            let known = Event::TROUBLES.map(Event::as_str).join(", ");
            serde::de::Error::custom(format!("`{name}` is no trouble of fluo's own: {known}"))
        })
    };
    by_name.into_iter().map(|(name, Read(severity))| Ok((event(&name)?, severity))).collect()
}

impl Config {
    /// Reads the text of `fluo.yml`.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        // Without the lines around the mistake, in which a secret may stand.
        let options = serde_yaml::options! { with_snippet: false };
        serde_yaml::from_str_with_options::<Self>(text, options)
            .map_err(|error| ConfigError::Yaml(error.to_string()))?
            .checked()
    }

    /// Reads the same as JSON, as an environment without files gives it.
    pub fn from_json(json: serde_json::Value) -> Result<Self, ConfigError> {
        serde_json::from_value::<Self>(json).map_err(|error| ConfigError::Json(error.to_string()))?.checked()
    }

    fn checked(self) -> Result<Self, ConfigError> {
        if self.trace_url.as_deref().is_some_and(|url| !url.contains("{trace_id}")) {
            return Err(ConfigError::TraceUrl);
        }
        Ok(self)
    }

    /// How evaluations are made.
    pub fn settings(&self) -> Settings {
        let default = Settings::default();
        Settings {
            eval_delay: self.eval_delay.unwrap_or(default.eval_delay),
            allowed_lateness: self.allowed_lateness.unwrap_or(default.allowed_lateness),
            stale_after: self.stale_after.unwrap_or(default.stale_after),
            max_catch_up: self.max_catch_up.unwrap_or(default.max_catch_up),
            delivery_limit: self.delivery_limit.unwrap_or(default.delivery_limit),
            rule_time: self.rule_time.unwrap_or(default.rule_time),
            rule_memory: self.rule_memory_mib.map_or(default.rule_memory, |mib| mib.saturating_mul(1 << 20)),
            trace_url: self.trace_url.clone(),
            trouble_severity: self.trouble_severity.clone(),
            chunk: Nanos(default.chunk.0.max(self.every.0)),
            ..default
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_has_a_default() {
        let config = Config::parse("store: data\nrules: [rules]\n").unwrap();
        assert_eq!(config.settings(), Settings::default());
        assert_eq!(config.every, Nanos::MINUTE);
    }

    #[test]
    fn everything_can_be_said() {
        let text = "store: s3://b/p\nrules: [a.yml, more]\nevery: 30s\ntrace_url: 'https://t/{trace_id}'\n\
                    eval_delay: 2m\nallowed_lateness: 30m\nstale_after: 5m\nmax_catch_up: 6h\ndelivery_limit: 1d\n\
                    rule_time: 10s\nrule_memory_mib: 64\ntrouble_severity: {file_error: critical}\nsinks: [{type: stdout}, {type: file, name: log, path: x.ndjson}]\n";
        let config = Config::parse(text).unwrap();
        let settings = config.settings();
        assert_eq!(settings.eval_delay, Nanos(2 * Nanos::MINUTE.0));
        assert_eq!(settings.rule_memory, 64 << 20);
        assert_eq!(settings.trouble_severity, [(Event::FileError, Severity::Critical)].into());
        assert_eq!(config.sinks.iter().map(SinkConfig::name).collect::<Vec<_>>(), ["stdout", "log"]);
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, part) in [
            ("store: data\nrules: [r]\neverry: 1m\n", "everry"),
            ("store: data\n", "rules"),
            ("store: data\nrules: [r]\nevery: soon\n", "soon"),
            ("store: data\nrules: [r]\nevery: 0s\n", "longer than nothing"),
            ("store: data\nrules: [r]\ntrace_url: https://t\n", "{trace_id}"),
            ("store: data\nrules: [r]\nsinks: [{type: pigeon}]\n", "pigeon"),
            ("store: data\nrules: [r]\ntrouble_severity: {firing: info}\n", "`firing` is no trouble"),
            ("store: data\nrules: [r]\ntrouble_severity: {rule_error: bad}\n", "`bad` is not a severity"),
        ] {
            let error = Config::parse(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn the_line_of_a_mistake_is_named_and_not_shown() {
        let text =
            "store: data\nrules: [r]\nsinks:\n  - {type: slack, url: https://hooks/S3CR3T, severity: [x]}\n";
        let error = Config::parse(text).unwrap_err().to_string();
        assert!(error.contains("line 4, column 5") && !error.contains("S3CR3T"), "{error}");
    }
}
