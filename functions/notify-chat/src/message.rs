//! The text of a message → a notification.
//!
//! | text | is |
//! | --- | --- |
//! | a record (`fluo.notification/v1`), which the topic has for queues and functions | itself |
//! | a CloudWatch alarm | a notification of it ([`crate::alarm`]) |
//! | anything else | not understood |
//!
//! A text that is not understood fails, and ends among the dead letters, whose own alarm says so. It is not passed on
//! as text: a pager would wake somebody with what nobody can judge, and a record of a version that is newer than this
//! function waits there for the one that reads it.

use fluo_alerts::notification::{Notification, SCHEMA};
use serde_json::Value;

use crate::alarm::{self, Change};

/// The reasons why a message is no notification.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Occurs when it is neither a record nor an alarm.
    #[error("it is neither a record of fluo nor a CloudWatch alarm")]
    Other,
    /// Occurs when it is a record of another version.
    #[error("it is a record in the format `{0}`, and this function reads `{SCHEMA}`")]
    Format(String),
    /// Occurs when a record is not as its format demands.
    #[error("it is not as `{SCHEMA}` demands")]
    Record(#[source] serde_json::Error),
    /// Occurs when an alarm is not as CloudWatch makes them.
    #[error("it is not as CloudWatch tells of alarms")]
    Alarm(#[source] serde_json::Error),
    /// Occurs when the time of an alarm is not one.
    #[error("the time of the alarm is none")]
    Time(#[from] fluo_time::moment::TimeError),
}

/// Reads a message.
pub fn read(text: &str) -> Result<Notification, Unreadable> {
    let value: Value = serde_json::from_str(text).map_err(|_| Unreadable::Other)?;
    if let Some(schema) = value["schema"].as_str() {
        if schema != SCHEMA {
            return Err(Unreadable::Format(schema.to_owned()));
        }
        // From the text: a value's objects have lost the order of their members, in which people see a group.
        return serde_json::from_str(text).map_err(Unreadable::Record);
    }
    if value["AlarmName"].is_string() {
        let alarm: Change = serde_json::from_value(value).map_err(Unreadable::Alarm)?;
        return Ok(alarm::notification(&alarm)?);
    }
    Err(Unreadable::Other)
}

#[cfg(test)]
mod tests {
    use fluo_alerts::escape::chain;

    use super::*;

    #[test]
    fn a_group_keeps_the_rule_s_order() {
        let event = include_str!("../../../tests/fixtures/events/sqs_notification.json");
        let event: Value = serde_json::from_str(event).unwrap();
        let text = event["Records"][0]["body"].as_str().unwrap();
        let group = read(text).unwrap().alert.unwrap().violation.group;
        let keys: Vec<&str> = group.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["deployment.environment", "cloud.region"]);
    }

    #[test]
    fn what_is_not_understood_is_told() {
        let alarm = r#"{"AlarmName":"a","NewStateValue":"ALARM","StateChangeTime":"soon"}"#;
        let cases = [
            ("a text", "The quick brown fox", "neither a record of fluo nor a CloudWatch alarm"),
            ("a number", "5", "neither a record"),
            ("another service's", r#"{"detail-type":"EC2 Instance State-change"}"#, "neither a record"),
            (
                "another version",
                r#"{"schema":"fluo.notification/v2"}"#,
                "`fluo.notification/v2`, and this function reads",
            ),
            ("another record", r#"{"schema":"fluo.violation/v1"}"#, "`fluo.violation/v1`"),
            ("half a record", r#"{"schema":"fluo.notification/v1"}"#, "demands: missing field `id`"),
            ("half an alarm", r#"{"AlarmName":"a"}"#, "alarms: missing field `NewStateValue`"),
            ("an alarm without a time", alarm, "`soon` is not a time"),
        ];
        for (scenario, text, expected) in cases {
            let error = chain(&read(text).unwrap_err());
            assert!(error.contains(expected), "{scenario}: {error}");
        }
    }
}
