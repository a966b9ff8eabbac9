//! The environment → the sinks.
//!
//! | variable | says |
//! | --- | --- |
//! | `FLUO_SINKS` | the list `sinks:` of `fluo.yml`, as YAML or JSON; `{env: NAME}` is NAME in the secret |
//! | `FLUO_SECRETS` | where the secret is ([`crate::secrets`]) |
//! | `FLUO_STORE` | the root of the store, for the marks |
//! | `HTTPS_PROXY`, `NO_PROXY` | the proxy to the sinks' services, where there is one |
//!
//! Everybody who may look at a function sees its environment, and so do logs of deployments. Therefore no secret is
//! taken from there, neither as a variable of its own nor as text in `FLUO_SINKS`.

use fluo_alerts::escape::plain;
use fluo_rules::SourceFile;
use fluo_rules::config::load_sinks;
use fluo_rules::diagnostic::{Finding, Level};
use fluo_runtime::{Environment, EnvironmentError};
use fluo_sinks::{SinkConfig, sinks_of};

/// The variable that holds the sinks.
const SINKS: &str = "FLUO_SINKS";

/// Reads the sinks.
pub fn sinks(environment: &Environment) -> Result<Vec<SinkConfig>, EnvironmentError> {
    let invalid = |reason: String| EnvironmentError::Invalid { name: SINKS.to_owned(), reason };
    let text = environment.required(SINKS, "who is told: the list `sinks:` of fluo.yml")?;
    let mut loaded = load_sinks(&SourceFile::new(SINKS, text));
    let sinks = sinks_of(&mut loaded);
    if loaded.has_errors() {
        let errors = loaded.findings.iter().filter(|finding| finding.level() == Level::Error);
        return Err(invalid(errors.map(in_words).collect::<Vec<_>>().join("; ")));
    }
    if sinks.is_empty() {
        return Err(invalid("the list is empty: nobody would be told".to_owned()));
    }
    for sink in &sinks {
        if let Some(reason) = refused(sink) {
            return Err(invalid(format!("sink `{}`: {reason}", sink.name())));
        }
    }
    Ok(sinks)
}

/// `line 1, column 16: unknown key ‘chanel’ …`
fn in_words(finding: &Finding) -> String {
    let Finding { message, hint, place, .. } = finding;
    let hint = hint.as_ref().map_or(String::new(), |hint| format!(" ({hint})"));
    plain(&format!("line {}, column {}: {message}{hint}", place.start.line, place.start.column)).into_owned()
}

fn refused(sink: &SinkConfig) -> Option<String> {
    match sink.kind() {
        "sns" => return Some("what comes from a topic would go to a topic, and come again".to_owned()),
        kind @ ("stdout" | "file") => {
            return Some(format!("`{kind}` is for a machine of one's own: here nobody would see it"));
        }
        _ => {}
    }
    let keys = sink.secrets_as_text();
    let key = keys.first()?;
    Some(format!(
        "`{key}` is a secret, and whoever may look at the function reads it here: keep it in the secret that \
         FLUO_SECRETS names, and write `{{env: NAME}}` with its name there"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &'static str) -> Result<Vec<String>, String> {
        let environment = Environment::from_iter([(SINKS, text)]);
        let sinks = sinks(&environment).map_err(|error| error.to_string())?;
        Ok(sinks.iter().map(|sink| sink.name().to_owned()).collect())
    }

    #[test]
    fn a_list_is_yaml_or_json() {
        let yaml =
            "- type: slack\n  name: ops\n  url: {env: SLACK}\n- {type: pagerduty, routing_key: {env: PD}}\n";
        assert_eq!(of(yaml).unwrap(), ["ops", "pagerduty"]);
        let json = r#"[{"type": "alertmanager", "url": "https://alertmanager.example"}]"#;
        assert_eq!(of(json).unwrap(), ["alertmanager"]);
    }

    #[test]
    fn what_is_refused_is_told_without_the_secret() {
        let cases = [
            ("nothing", "", "FLUO_SINKS is not set: who is told"),
            ("nobody", "[]", "FLUO_SINKS cannot be used: the list is empty"),
            ("a file", "sinks: [{type: slack, url: {env: A}}]", "FLUO_SINKS cannot be used: "),
            (
                "no such type",
                "[{type: mail, url: s3cret}]",
                "line 1, column 9: `mail` is not a type of sinks",
            ),
            (
                "a key too many",
                "[{type: slack, url: s3cret, chanel: x}]",
                "line 1, column 29: unknown key `chanel` in the sink `slack`",
            ),
            (
                "a value of another type",
                "[{type: slack, url: [s3cret]}]",
                "`url` takes a text or `{env: NAME}`, not a list",
            ),
            ("an address that is none", "[{type: slack, url: s3cret}]", "sink `slack`: `url` is not a URL"),
            (
                "all of them at once",
                "[{type: slack, url: [s3cret]}, {type: teams}]",
                "not a list (write `{env: NAME}` for what the environment variable NAME holds); line 1, column 33: ",
            ),
            (
                "a topic",
                "[{type: sns, topic_arn: 'arn:aws:sns:r:1:t'}]",
                "sink `sns`: what comes from a topic",
            ),
            ("standard output", "[{type: stdout}]", "sink `stdout`: `stdout` is for a machine of one's own"),
            ("a file of lines", "[{type: file, name: log, path: x}]", "sink `log`: `file` is for a machine"),
            (
                "an address",
                "[{type: slack, name: ops, url: 'https://a.example/s3cret'}]",
                "sink `ops`: `url` is a secret",
            ),
            (
                "one of two",
                "[{type: teams, url: {env: A}}, {type: pagerduty, routing_key: s3cret}]",
                "sink `pagerduty`: `routing_key` is a secret, and whoever may look at the function reads it here: keep it in \
                 the secret that FLUO_SECRETS names, and write `{env: NAME}` with its name there",
            ),
        ];
        for (scenario, text, expected) in cases {
            let error = of(text).unwrap_err();
            assert!(error.contains(expected), "{scenario}: {error}");
            assert!(!error.contains("s3cret"), "{scenario}: {error}");
        }
    }
}
