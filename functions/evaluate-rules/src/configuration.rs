//! The environment → what `fluo.yml` says elsewhere: the same keys, in capitals, behind `FLUO_`.
//!
//! | variable | says | default |
//! | --- | --- | --- |
//! | `FLUO_STORE` | the root of the store: `s3://bucket` | |
//! | `FLUO_RULES` | where the rules are: a prefix in the store, or a folder (`/var/task/rules`) | `rules` |
//! | `FLUO_TOPIC_ARN` | the topic that all notifications go to | |
//! | `FLUO_TOPICS` | more topics, each with what it wants: sinks of `fluo.yml` without `type` | none |
//! | `FLUO_TRACE_URL`, `FLUO_EVAL_DELAY`, `FLUO_ALLOWED_LATENESS`, `FLUO_STALE_AFTER`, `FLUO_MAX_CATCH_UP`, `FLUO_DELIVERY_LIMIT`, `FLUO_RULE_TIME`, `FLUO_RULE_MEMORY_MIB`, `FLUO_SET_ASIDE_PERCENT`, `FLUO_PAGE` | as the keys of `fluo.yml` | as there |
//! | `FLUO_COLUMNS` | the same, with commas between them | none |
//! | `FLUO_TROUBLE_SEVERITY` | the same, as `file_error=critical,sink_error=info` | as there |

use fluo_alerts::escape::plain;
use fluo_evaluator::Config;
use fluo_evaluator::config::ConfigError;
use fluo_runtime::{Environment, EnvironmentError};
use fluo_store::{Root, StoreError, open_root};
use object_store::path::Path;
use serde_json::{Map, Value, json};

/// The name in state and logs of the topic that everything goes to.
const TOPIC: &str = "topic";

/// The variable that holds more topics.
const TOPICS: &str = "FLUO_TOPICS";

/// The key of the memory that a rule may use.
const MEMORY: &str = "rule_memory_mib";

/// The keys whose values are numbers.
const NUMBERS: [&str; 2] = [MEMORY, "set_aside_percent"];

/// The one key whose value is a map.
const SEVERITIES: &str = "trouble_severity";

/// The one key whose value is a list.
const COLUMNS: &str = "columns";

/// The one key whose value is `true` or `false`.
const PAGE: &str = "page";

/// The keys of `fluo.yml` that a variable may set.
const KEYS: [&str; 12] = [
    "allowed_lateness",
    COLUMNS,
    "delivery_limit",
    "eval_delay",
    "max_catch_up",
    MEMORY,
    PAGE,
    "rule_time",
    "set_aside_percent",
    "stale_after",
    "trace_url",
    SEVERITIES,
];

/// The part of a function's memory that one rule may use, where nothing else is said: what is read for it, the
/// program itself, and what a memory pool does not count need the rest.
const RULE_SHARE: u64 = 4;

/// Reads the configuration, its topic among the sinks.
pub fn configuration(environment: &Environment) -> Result<Config, EnvironmentError> {
    let store = environment.required("FLUO_STORE", "the root of the store: s3://bucket")?;
    let topic = topic(environment)?;
    // Behind it there may be pagers, which are told of each alert by itself; `notify-chat` makes one message for the others.
    let mut sinks = vec![json!({"type": "sns", "name": TOPIC, "topic_arn": topic, "together": false})];
    sinks.extend(more_topics(environment, topic)?);
    let mut fields = Map::new();
    fields.insert("store".to_owned(), store.into());
    fields.insert("rules".to_owned(), json!([]));
    fields.insert("sinks".to_owned(), Value::Array(sinks));
    let invalid = |name: &str, error: &ConfigError| EnvironmentError::Invalid {
        name: name.to_owned(),
        reason: error.to_string(),
    };
    // Once for each part, so that the one that is wrong is named.
    config(&fields).map_err(|error| invalid(TOPICS, &error))?;
    for key in KEYS {
        let name = format!("FLUO_{}", key.to_ascii_uppercase());
        if let Some(text) = environment.get(&name) {
            fields.insert(key.to_owned(), value(key, text));
            config(&fields).map_err(|error| invalid(&name, &error))?;
        }
    }
    if let Some(memory) = environment.memory() {
        fields.entry(MEMORY).or_insert_with(|| (memory / RULE_SHARE / (1 << 20)).into());
    }
    config(&fields).map_err(|error| invalid("FLUO_*", &error))
}

/// The topic that everything goes to.
pub fn topic(environment: &Environment) -> Result<&str, EnvironmentError> {
    environment.required("FLUO_TOPIC_ARN", "the topic that notifications go to")
}

/// The sinks of [`TOPICS`]. A topic is called after its ARN where it has no other name.
fn more_topics(environment: &Environment, everything: &str) -> Result<Vec<Value>, EnvironmentError> {
    let invalid = |reason: String| EnvironmentError::Invalid { name: TOPICS.to_owned(), reason };
    let Some(text) = environment.get(TOPICS) else { return Ok(Vec::new()) };
    let options = serde_yaml::options! { with_snippet: false };
    let topics: Vec<Map<String, Value>> = serde_yaml::from_str_with_options(text, options)
        .map_err(|error| invalid(plain(&error.to_string()).into_owned()))?;
    let sink = |mut topic: Map<String, Value>| {
        if topic.insert("type".to_owned(), "sns".into()).is_some() {
            return Err(invalid("these are topics: write them without `type`".to_owned()));
        }
        let arn = topic.get("topic_arn").and_then(Value::as_str).unwrap_or_default();
        if arn == everything {
            return Err(invalid(format!("everything goes to `{}` already", plain(arn))));
        }
        let name = arn.rsplit(':').next().unwrap_or_default().to_owned();
        topic.entry("name").or_insert_with(|| name.into());
        Ok(Value::Object(topic))
    };
    topics.into_iter().map(sink).collect()
}

/// The value of a key, which a variable has as text.
fn value(key: &str, text: &str) -> Value {
    match key {
        // What is no number stays text, and is refused as such.
        key if NUMBERS.contains(&key) => text.parse::<u64>().map_or_else(|_| text.into(), Value::from),
        PAGE => text.parse::<bool>().map_or_else(|_| text.into(), Value::from),
        COLUMNS => text.split(',').map(|column| Value::from(column.trim())).collect(),
        SEVERITIES => {
            let pair = |pair: &str| {
                let (event, severity) = pair.split_once('=').unwrap_or((pair, ""));
                (event.trim().to_owned(), Value::from(severity.trim()))
            };
            Value::Object(text.split(',').map(pair).collect())
        }
        _ => text.into(),
    }
}

fn config(fields: &Map<String, Value>) -> Result<Config, ConfigError> {
    Config::from_json(Value::Object(fields.clone()))
}

/// Returns the place of the rules: a root, and the path in it.
pub fn rules(environment: &Environment, root: &Root) -> Result<(Root, Path), StoreError> {
    let place = environment.get("FLUO_RULES").unwrap_or("rules");
    if place.starts_with('/') || place.contains("://") {
        let root = open_root(place, &environment.lookup())?;
        return Ok((root, Path::default()));
    }
    Ok((root.clone(), Path::from(place)))
}

#[cfg(test)]
mod tests {
    use fluo_rules::SourceFile;
    use fluo_rules::rule::Severity;
    use fluo_sinks::{Filter, SinkConfig};

    use super::*;

    const NEEDED: [(&str, &str); 2] =
        [("FLUO_STORE", "s3://spans"), ("FLUO_TOPIC_ARN", "arn:aws:sns:eu-central-1:123456789012:alerts")];

    fn of(more: &[(&'static str, &'static str)]) -> Result<Config, EnvironmentError> {
        configuration(&NEEDED.into_iter().chain(more.iter().copied()).collect())
    }

    fn loaded(text: &str) -> Config {
        Config::load(&SourceFile::new("fluo.yml", text)).config.unwrap()
    }

    #[test]
    fn variables_say_what_keys_say() {
        let config = of(&[("FLUO_EVAL_DELAY", "2m"), ("FLUO_RULE_MEMORY_MIB", "64")]).unwrap();
        let same = "store: s3://spans\nrules: []\neval_delay: 2m\nrule_memory_mib: 64\n";
        assert_eq!(config.settings(), loaded(same).settings());
        assert_eq!(config.sinks.iter().map(SinkConfig::name).collect::<Vec<_>>(), ["topic"]);
    }

    #[test]
    fn a_page_is_kept_and_columns_are_pinned_as_variables_say() {
        let config = of(&[("FLUO_PAGE", "false"), ("FLUO_COLUMNS", "span.shop.tenant, zone")]).unwrap();
        let same = "store: s3://spans\nrules: []\npage: false\ncolumns: [span.shop.tenant, zone]\n";
        assert_eq!(config.settings(), loaded(same).settings());
        for (variable, text, named) in
            [("FLUO_PAGE", "no", "FLUO_PAGE"), ("FLUO_COLUMNS", "duration", "`duration`")]
        {
            let error = of(&[(variable, text)]).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn a_rule_has_its_share_of_the_memory_unless_it_is_said() {
        let memory = ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "2048");
        assert_eq!(of(&[memory]).unwrap().settings().rule_memory, 512 << 20);
        assert_eq!(of(&[memory, ("FLUO_RULE_MEMORY_MIB", "64")]).unwrap().settings().rule_memory, 64 << 20);
        assert_eq!(of(&[("FLUO_SET_ASIDE_PERCENT", "7")]).unwrap().settings().set_aside_percent, 7);
    }

    #[test]
    fn severities_of_troubles_are_a_list() {
        let text = "pipeline_stale=warning, file_error=critical";
        let settings = of(&[("FLUO_TROUBLE_SEVERITY", text)]).unwrap().settings();
        let same = "store: x\nrules: []\ntrouble_severity: {file_error: critical, pipeline_stale: warning}\n";
        assert_eq!(settings.trouble_severity, loaded(same).settings().trouble_severity);
        assert_eq!(settings.trouble_severity.len(), 2);
    }

    #[test]
    fn more_topics_are_told_what_they_want() {
        let text = "[{topic_arn: 'arn:aws:sns:eu-central-1:1:payments', severity: [critical], labels: {team: payments}},
                     {topic_arn: 'arn:aws:sns:eu-west-1:2:all', name: everybody}]";
        let sinks = of(&[("FLUO_TOPICS", text)]).unwrap().sinks;
        assert_eq!(
            sinks.iter().map(SinkConfig::name).collect::<Vec<_>>(),
            ["topic", "payments", "everybody"]
        );
        assert!(sinks.iter().all(|sink| sink.kind() == "sns"));
        let payments = Filter {
            severity: vec![Severity::Critical],
            labels: [("team".to_owned(), "payments".to_owned())].into(),
        };
        let filters: Vec<_> = sinks.iter().map(SinkConfig::filter).collect();
        assert_eq!(filters, [&Filter::default(), &payments, &Filter::default()]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases: [(&[(&str, &str)], &str); 10] = [
            (
                &[("FLUO_TROUBLE_SEVERITY", "rule_error")],
                "FLUO_TROUBLE_SEVERITY cannot be used: `` is not a sev",
            ),
            (&[("FLUO_TOPICS", "{topic_arn: x}")], "FLUO_TOPICS cannot be used: "),
            (
                &[("FLUO_TOPICS", "[{severity: [critical]}]")],
                "FLUO_TOPICS cannot be used: missing field `topic_arn`",
            ),
            (
                &[("FLUO_TOPICS", "[{topic_arn: 'arn:aws:sns:eu-central-1:1:a', severity: [loud]}]")],
                "FLUO_TOPICS cannot be used: `loud` is not a severity",
            ),
            (
                &[("FLUO_TOPICS", "[{type: slack, url: {env: A}}]")],
                "FLUO_TOPICS cannot be used: these are topics: write them without `type`",
            ),
            (
                &[("FLUO_TOPICS", "[{topic_arn: 'arn:aws:sns:eu-central-1:123456789012:alerts'}]")],
                "FLUO_TOPICS cannot be used: everything goes to `arn:aws:sns:eu-central-1:123456789012:alerts` already",
            ),
            (&[("FLUO_EVAL_DELAY", "soon")], "FLUO_EVAL_DELAY cannot be used: "),
            (&[("FLUO_RULE_MEMORY_MIB", "much")], "FLUO_RULE_MEMORY_MIB cannot be used: "),
            (&[("FLUO_TRACE_URL", "https://traces.example")], "FLUO_TRACE_URL cannot be used: "),
            (&[("FLUO_STORE", "")], "FLUO_STORE is not set: "),
        ];
        for (variables, start) in cases {
            let error = of(variables).unwrap_err().to_string();
            assert!(error.starts_with(start), "{error}");
        }
    }
}
