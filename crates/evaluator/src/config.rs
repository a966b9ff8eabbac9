//! `fluo.yml`: where the spans and the rules are, how they are evaluated, and who is told.
//!
//! ```yaml
//! store: s3://my-bucket          # or a folder, from the folder of this file
//! rules: [rules]                 # files and folders, from the folder of this file
//! every: 1m                      # how often `fluo run` evaluates
//! on_arrival: 5s                 # and so soon after a file has arrived
//! trace_url: https://traces.example/{trace_id}
//! sinks:
//!   - {type: slack, url: {env: SLACK_WEBHOOK_URL}}
//! ```
//!
//! A key that is not known is an error. Everything but `store` and `rules` may be left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use fluo_alerts::escape::plain;
use fluo_alerts::notification::Event;
use fluo_rules::SourceFile;
use fluo_rules::config::{self, Loaded, Placed};
use fluo_rules::diagnostic::{Code, Finding, Place};
use fluo_rules::position::Position;
use fluo_rules::rule::Severity;
use fluo_sinks::{SinkConfig, sinks_of};
use fluo_time::Nanos;
use serde::{Deserialize, Deserializer};

use crate::layout::pinned;
use crate::request::Timetable;
use crate::settings::Settings;

/// The content of `fluo.yml`.
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
    /// The least distance of evaluations because files have arrived; `None`: only the schedule's are made.
    #[serde(default, deserialize_with = "optional")]
    pub on_arrival: Option<Nanos>,
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
    /// See [`Settings::set_aside_percent`].
    #[serde(default)]
    pub set_aside_percent: Option<u32>,
    /// See [`Settings::trouble_severity`].
    #[serde(default, deserialize_with = "severities")]
    pub trouble_severity: BTreeMap<Event, Severity>,
    /// See [`Settings::columns`]; as rules write them.
    #[serde(default)]
    pub columns: Vec<String>,
    /// See [`Settings::page`].
    #[serde(default)]
    pub page: Option<bool>,
    /// The server that answers for every service of AWS ([`fluo_aws::everywhere`]).
    #[serde(default)]
    pub aws_endpoint: Option<String>,
    /// The sinks that are told; by default standard output.
    #[serde(default)]
    pub sinks: Vec<SinkConfig>,
}

/// `fluo.yml` as it was read.
pub struct Loading {
    /// The configuration; none where something is wrong.
    pub config: Option<Config>,
    /// The findings, and the file as it may be shown.
    pub checked: Loaded,
}

/// The reasons why a configuration that did not come as a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Occurs when a setting from an environment is not what it should be.
    #[error("{0}")]
    Json(String),
    /// Occurs when links would name no trace.
    #[error("`trace_url` must hold `{{trace_id}}`, where a trace's id belongs")]
    TraceUrl,
    /// Occurs when `columns` names what is no attribute of spans or resources.
    #[error("{}", no_attribute(.0))]
    Column(String),
    /// Occurs when `aws_endpoint` is no address.
    #[error("`aws_endpoint` {0}")]
    AwsEndpoint(#[from] fluo_aws::AddressError),
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
    /// Reads `fluo.yml`, and finds all that is wrong with it.
    pub fn load(file: &SourceFile) -> Loading {
        let mut checked = config::load(file);
        // Those whose form is sound are looked at, whatever else is wrong.
        let _configs = sinks_of(&mut checked);
        let no_server = checked.aws_endpoint.as_ref().and_then(no_server);
        checked.add(no_server);
        let no_columns: Vec<Finding> = checked.columns.iter().filter_map(no_column).collect();
        checked.add(no_columns);
        let document = checked.document.take().filter(|_| !checked.has_errors());
        let read = document.map(Self::from_json);
        if let Some(Err(_)) = &read {
            // The table of keys and the type here differ, which a test excludes. The reason may repeat a value.
            checked.add([unreadable(file)]);
        }
        let config = read.and_then(Result::ok);
        Loading { config, checked }
    }

    /// Reads the same as JSON, as an environment without files gives it.
    pub fn from_json(json: serde_json::Value) -> Result<Self, ConfigError> {
        serde_json::from_value::<Self>(json).map_err(|error| ConfigError::Json(error.to_string()))?.checked()
    }

    fn checked(self) -> Result<Self, ConfigError> {
        if self.trace_url.as_deref().is_some_and(|url| !url.contains("{trace_id}")) {
            return Err(ConfigError::TraceUrl);
        }
        if let Some(column) = self.columns.iter().find(|column| pinned(column).is_none()) {
            return Err(ConfigError::Column(column.clone()));
        }
        if let Some(endpoint) = &self.aws_endpoint {
            fluo_aws::check_address(endpoint)?;
        }
        Ok(self)
    }

    /// Returns the times at which a process evaluates.
    pub fn timetable(&self) -> Timetable {
        Timetable { every: self.every.0, on_arrival: self.on_arrival.map(|distance| distance.0) }
    }

    /// Returns the settings of evaluations.
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
            set_aside_percent: self.set_aside_percent.unwrap_or(default.set_aside_percent),
            trace_url: self.trace_url.clone(),
            trouble_severity: self.trouble_severity.clone(),
            columns: self.columns.iter().filter_map(|column| pinned(column)).flatten().collect(),
            page: self.page.unwrap_or(default.page),
            chunk: Nanos(default.chunk.0.max(self.every.0)),
            ..default
        }
    }
}

/// A finding about an `aws_endpoint` that is no address.
fn no_server(endpoint: &Placed) -> Option<Finding> {
    let reason = fluo_aws::check_address(&endpoint.text).err()?;
    let message = format!("`aws_endpoint` {reason}");
    let place = endpoint.place.clone();
    Some(Finding { code: Code::InvalidValue, message, place, hint: None, related: Vec::new() })
}

/// A finding about a text of `columns` that names no attribute.
fn no_column(column: &Placed) -> Option<Finding> {
    // That one is empty was told already.
    if column.text.trim().is_empty() || pinned(&column.text).is_some() {
        return None;
    }
    let (message, place) = (no_attribute(&column.text), column.place.clone());
    Some(Finding { code: Code::InvalidValue, message, place, hint: None, related: Vec::new() })
}

fn no_attribute(column: &str) -> String {
    format!(
        "`columns` takes attributes of spans and resources, such as `span.shop.tenant`, and `{}` is none",
        plain(column)
    )
}

/// A finding about a configuration that passed the check, and is none to this program.
fn unreadable(file: &SourceFile) -> Finding {
    let start = Position { line: 1, column: 1 };
    let place = Place { file: Arc::clone(&file.name), bytes: 0..0, start, end: start };
    let message = "the configuration cannot be read by this version".to_owned();
    Finding { code: Code::InvalidValue, message, place, hint: None, related: Vec::new() }
}

#[cfg(test)]
mod tests {
    use fluo_spans::layout::AttributeScope;

    use super::*;

    fn load(text: &str) -> Loading {
        Config::load(&SourceFile::new("fluo.yml", text))
    }

    #[test]
    fn what_is_not_said_has_a_default() {
        let config = load("store: data\nrules: [rules]\n").config.unwrap();
        assert_eq!(config.settings(), Settings::default());
        let timetable = Timetable { every: Nanos::MINUTE.0, on_arrival: None };
        assert_eq!(config.timetable(), timetable);
    }

    #[test]
    fn everything_can_be_said() {
        let text = "store: s3://b/p\nrules: [a.yml, more]\nevery: 30s\non_arrival: 5s\ntrace_url: 'https://t/{trace_id}'\n\
                    eval_delay: 2m\nallowed_lateness: 30m\nstale_after: 5m\nmax_catch_up: 6h\ndelivery_limit: 1d\n\
                    rule_time: 10s\nrule_memory_mib: 64\nset_aside_percent: 5\ntrouble_severity: {file_error: critical}\n\
                    columns: [span.shop.tenant, zone]\npage: false\naws_endpoint: http://127.0.0.1:9000\nsinks: [{type: stdout}, {type: file, name: log, path: x.ndjson}]\n";
        let config = load(text).config.unwrap();
        let settings = config.settings();
        let seconds = |seconds: i64| seconds * Nanos::SECOND.0;
        assert_eq!(config.timetable(), Timetable { every: seconds(30), on_arrival: Some(seconds(5)) });
        assert_eq!(settings.eval_delay, Nanos(2 * Nanos::MINUTE.0));
        assert_eq!((settings.rule_memory, settings.set_aside_percent), (64 << 20, 5));
        assert_eq!(settings.trouble_severity, [(Event::FileError, Severity::Critical)].into());
        let of = |scope, key: &str| (scope, key.to_owned());
        let columns = [
            of(AttributeScope::Span, "shop.tenant"),
            of(AttributeScope::Span, "zone"),
            of(AttributeScope::Resource, "zone"),
        ];
        assert_eq!((settings.columns, settings.page), (columns.into(), false));
        assert_eq!(config.aws_endpoint.as_deref(), Some("http://127.0.0.1:9000"));
        assert_eq!(config.sinks.iter().map(SinkConfig::name).collect::<Vec<_>>(), ["stdout", "log"]);
    }

    /// The defaults of `trouble_severity`.
    fn troubles(schema: &serde_json::Value) -> serde_json::Value {
        let keys = schema["$defs"]["trouble_severity"]["properties"].as_object().unwrap();
        keys.iter().map(|(key, schema)| (key.clone(), schema["default"].clone())).collect()
    }

    #[test]
    fn troubles_are_those_that_there_are() {
        let schema: serde_json::Value = serde_json::from_str(&fluo_rules::schema::config()).unwrap();
        let known = Event::TROUBLES.map(|event| (event.as_str(), event.default_severity().as_str()));
        let known: BTreeMap<_, _> = known.into_iter().collect();
        assert_eq!(troubles(&schema), serde_json::json!(known));
    }

    #[test]
    fn every_key_of_the_table_is_read() {
        let schema: serde_json::Value = serde_json::from_str(&fluo_rules::schema::config()).unwrap();
        let keys = schema["$defs"]["config"]["properties"].as_object().unwrap();
        let mut document: serde_json::Map<String, serde_json::Value> = keys
            .iter()
            .map(|(key, described)| {
                let value = match key.as_str() {
                    "store" => "data".into(),
                    "on_arrival" => "5s".into(),
                    "rules" => serde_json::json!(["rules"]),
                    "columns" => serde_json::json!(["span.shop.tenant"]),
                    "trace_url" => "https://t/{trace_id}".into(),
                    "aws_endpoint" => "https://objects.example".into(),
                    "sinks" => serde_json::json!([]),
                    "trouble_severity" => troubles(&schema),
                    // Every other key has a default, which it takes.
                    _ => described["default"].clone(),
                };
                (key.clone(), value)
            })
            .collect();
        assert!(
            load(&serde_json::Value::Object(document.clone()).to_string()).config.is_some(),
            "{document:?}"
        );
        document.insert("nope".to_owned(), 1.into());
        assert!(Config::from_json(document.into()).is_err());
    }

    #[test]
    fn a_server_that_is_none_is_told_at_its_place_and_without_its_password() {
        let cases = [
            ("localhost:9000", "`aws_endpoint` must start with `https://` or `http://`"),
            ("objects.example", "`aws_endpoint` is not a URL: relative URL without a base"),
            (
                "https://me:s3cret@objects.example",
                "`aws_endpoint` holds credentials: they come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ),
        ];
        for (endpoint, message) in cases {
            let loading = load(&format!("store: s3://b\nrules: [r]\naws_endpoint: {endpoint}\n"));
            let found: Vec<_> =
                loading.checked.findings.iter().map(|it| (&*it.message, it.place.start)).collect();
            assert_eq!(found, [(message, Position { line: 3, column: 15 })], "{endpoint}");
            assert!(loading.config.is_none());
            let shown = String::from_utf8(loading.checked.shown().content).unwrap();
            assert!(!shown.contains("s3cret"), "{shown}");
            let json = serde_json::json!({"store": "s3://b", "rules": [], "aws_endpoint": endpoint});
            assert_eq!(Config::from_json(json).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn what_can_have_no_column_is_told_at_its_place() {
        for column in ["duration", "event.exception.type", "a b", "service.name"] {
            let loading = load(&format!("store: d\nrules: [r]\ncolumns: [span.a, {column:?}]\n"));
            let found: Vec<_> =
                loading.checked.findings.iter().map(|it| (&*it.message, it.place.start)).collect();
            let expected = no_attribute(column);
            assert_eq!(found, [(expected.as_str(), Position { line: 3, column: 19 })], "{column}");
            assert!(loading.config.is_none());
            let json = serde_json::json!({"store": "d", "rules": [], "columns": [column]});
            assert_eq!(Config::from_json(json).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn a_sink_is_looked_at_whatever_else_is_wrong() {
        let loading =
            load("stroe: data\nrules: [r]\nsinks:\n  - {type: slack, url: s3cret}\n  - {type: mail}\n");
        let found: Vec<_> =
            loading.checked.findings.iter().map(|it| (it.code.as_str(), it.place.start.line)).collect();
        assert_eq!(found, [("E0103", 1), ("E0702", 4), ("E0106", 5)]);
        assert!(loading.config.is_none());
    }
}
