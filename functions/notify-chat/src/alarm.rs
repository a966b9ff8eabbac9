//! A CloudWatch alarm → a notification.
//!
//! Alarms watch what fluo cannot tell of itself: that nothing is evaluated any more, that messages end among the dead
//! letters. Whoever is told of alerts is told of them.
//!
//! | state | event |
//! | --- | --- |
//! | `OK` | `alarm_over` |
//! | `ALARM`, `INSUFFICIENT_DATA`, and what else there may be | `alarm`: it is told only where the alarm's actions say so |
//!
//! All of them are critical, as an alarm has no severity: while fluo is not well, nobody knows which alerts are missing.
//! Its end is, too, so that it goes where its beginning went.

use std::collections::BTreeMap;

use fluo_alerts::escape::plain;
use fluo_alerts::notification::{self, Event, Id, Notification, SCHEMA};
use fluo_alerts::words::heading;
use fluo_rules::rule::Severity;
use fluo_time::moment::{self, TimeError};
use serde::Deserialize;

/// The message of CloudWatch about an alarm whose state has changed, metric and composite ones alike; without what is
/// not needed.
///
/// Source: "Amazon SNS notifications and alarm actions" of the Amazon CloudWatch user guide.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Change {
    alarm_name: String,
    alarm_arn: Option<String>,
    alarm_description: Option<String>,
    new_state_value: String,
    new_state_reason: Option<String>,
    state_change_time: String,
}

/// The notification of an alarm's new state. Its id is that of alarm, state and time, whoever makes it.
pub fn notification(alarm: &Change) -> Result<Notification, TimeError> {
    // No relative time has a `now` of 0.
    let at = moment::parse(&alarm.state_change_time, 0)?;
    let name = plain(&alarm.alarm_name).into_owned();
    let description = alarm.alarm_description.as_deref().unwrap_or_default().trim();
    let state = alarm.new_state_value.as_str();
    let severity = Severity::Critical;
    let (event, what) = match state {
        "OK" => (Event::AlarmOver, format!("alarm over: {name}")),
        "ALARM" => (Event::Alarm, format!("alarm: {name}")),
        _ => (Event::Alarm, format!("alarm in the state {}: {name}", plain(state))),
    };
    let title = heading(severity, &what);
    let text = match (description, event) {
        ("", _) => title.clone(),
        (_, Event::AlarmOver) => format!("It said: {description}"),
        _ => description.to_owned(),
    };
    // Names are unique in one account and region only.
    let subject = alarm.alarm_arn.as_deref().unwrap_or(&alarm.alarm_name);
    // An alarm before 1970 has no time of its own.
    let changed_ms = u64::try_from(at.div_euclid(1_000_000)).unwrap_or(0);
    Ok(Notification {
        schema: SCHEMA.to_owned(),
        id: Id::of_notification(&format!("{subject}\0{state}"), event, changed_ms),
        event,
        at,
        severity,
        title,
        text,
        rule: None,
        labels: BTreeMap::new(),
        reason: alarm.new_state_reason.clone(),
        alert: None,
        summary: None,
        together: None,
        alarm: Some(notification::Alarm { id: Id::of_alarm(subject), name, state: state.to_owned() }),
        trouble: None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn told(changes: &[(&str, Value)]) -> Notification {
        let mut alarm = json!({
            "AlarmName": "fluo-evaluate-rules-silent",
            "AlarmDescription": "No rule was evaluated for ten minutes.",
            "NewStateValue": "ALARM",
            "NewStateReason": "Threshold Crossed",
            "StateChangeTime": "2026-11-22T11:16:14.250+0000",
            "AlarmArn": "arn:aws:cloudwatch:eu-central-1:123456789012:alarm:fluo-evaluate-rules-silent",
        });
        for (key, value) in changes {
            alarm[*key] = value.clone();
        }
        notification(&serde_json::from_value(alarm).unwrap()).unwrap()
    }

    #[test]
    fn every_state_is_told() {
        let cases = [
            ("ALARM", Event::Alarm, "CRITICAL alarm: fluo-evaluate-rules-silent"),
            ("OK", Event::AlarmOver, "CRITICAL alarm over: fluo-evaluate-rules-silent"),
            (
                "INSUFFICIENT_DATA",
                Event::Alarm,
                "CRITICAL alarm in the state INSUFFICIENT_DATA: fluo-evaluate-rules-silent",
            ),
        ];
        let first = told(&[]);
        for (state, event, title) in cases {
            let told = told(&[("NewStateValue", json!(state))]);
            assert_eq!((told.event, told.title.as_str()), (event, title));
            assert_eq!(moment::format(told.at), "2026-11-22T11:16:14.250Z");
            assert_eq!(told.about(), first.about(), "one incident: {state}");
            assert_eq!(told.id == first.id, state == "ALARM", "a notification of its own: {state}");
        }
    }

    #[test]
    fn a_notification_is_one_change_of_one_alarm() {
        let later = told(&[("StateChangeTime", json!("2026-11-22T12:16:14.250+0000"))]);
        assert_eq!(later.about(), told(&[]).about());
        assert_ne!(later.id, told(&[]).id);
        let elsewhere = told(&[("AlarmArn", json!("arn:aws:cloudwatch:us-east-1:1:alarm:x"))]);
        assert_ne!(elsewhere.about(), told(&[]).about());
        assert_ne!(elsewhere.id, told(&[]).id);
    }

    #[test]
    fn what_is_left_out_does_no_harm() {
        let null = Value::Null;
        let bare = told(&[
            ("AlarmDescription", null.clone()),
            ("NewStateReason", null.clone()),
            ("AlarmArn", null.clone()),
        ]);
        assert_eq!(bare.text, "CRITICAL alarm: fluo-evaluate-rules-silent");
        assert_eq!((bare.reason, bare.rule), (None, None));
    }
}
