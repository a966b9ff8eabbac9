//! `fluo verify`: an alert, recomputed from the files and the rule that it names.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use fluo_alerts::escape::plain;
use fluo_alerts::notification::{Event, Notification, SCHEMA};
use fluo_evaluator::verify::{Verification, verify};
use fluo_time::moment;
use serde_json::Value;

use crate::args::{SummaryFormat, Verify};
use crate::bounded;
use crate::deployed::root;
use crate::exit::{Failure, Status};
use crate::terminal::Output;

pub(crate) async fn run(args: &Verify) -> Result<Status, Failure> {
    let name = if args.alert == "-" { "standard input" } else { args.alert.as_str() };
    let text =
        read(&args.alert).map_err(|error| Failure::because(format!("could not read {name}"), error))?;
    let notification = pick(&notifications(&text, name)?, name, args.id.as_deref())?;
    let root = root(&args.store)?;
    let verification = verify(&notification, &root)
        .await
        .map_err(|error| Failure::because(format!("could not verify the alert of {name}"), error))?;
    let mut output = Output::new();
    match args.format {
        SummaryFormat::Human => output.text(&human(&notification, &verification))?,
        SummaryFormat::Json => output.json(&verification)?,
    }
    output.finish()?;
    Ok(if verification.holds { Status::Done } else { Status::Found })
}

fn read(path: &str) -> io::Result<String> {
    if path != "-" {
        return bounded::read_text(Path::new(path), bounded::TEXT_FILE);
    }
    bounded::text(bounded::read_from(io::stdin(), bounded::TEXT_FILE)?)
}

/// The notifications of a text: one object, or one after the other.
fn notifications(text: &str, name: &str) -> Result<Vec<Notification>, Failure> {
    let mut found = Vec::new();
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    let mut begin = 0;
    while let Some(value) = values.next() {
        let value = value.map_err(|error| Failure::because(format!("{name} is not JSON"), error))?;
        let end = values.byte_offset();
        // Read from the text, and not from the value, whose objects have lost the order of their members.
        let notification = &text[begin..end];
        begin = end;
        let schema = value.get("schema").and_then(Value::as_str).unwrap_or_default();
        if schema != SCHEMA {
            let is = if schema.is_empty() { "no `schema`".to_owned() } else { plain(schema).into_owned() };
            let reason = format!("a notification says `\"schema\":\"{SCHEMA}\"`, and there is {is}");
            return Err(Failure::because(format!("{name} holds no notification"), reason).hint(
                "take what the `file`, `stdout` or `webhook` sink was sent, or an SQS or Lambda subscriber of a topic",
            ));
        }
        let notification = serde_json::from_str(notification)
            .map_err(|error| Failure::because(format!("{name} holds no notification"), error))?;
        found.push(notification);
    }
    Ok(found)
}

/// The one that is meant.
fn pick(notifications: &[Notification], name: &str, id: Option<&str>) -> Result<Notification, Failure> {
    let is_meant = |notification: &&Notification| match (id, &notification.alert) {
        (Some(id), alert) => {
            notification.id.to_string() == id
                || alert.as_ref().is_some_and(|alert| alert.id.to_string() == id)
        }
        (None, alert) => alert.is_some(),
    };
    // A single one that is about no alert says better itself why there is nothing to verify.
    let only = || notifications.first().filter(|_| id.is_none() && notifications.len() == 1);
    notifications.iter().find(is_meant).or_else(only).cloned().ok_or_else(|| match id {
        Some(id) => Failure::usage(format!("{name} holds no notification with the id `{}`", plain(id))),
        None => {
            Failure::because(format!("could not verify {name}"), "no notification in it is about an alert")
        }
    })
}

fn human(notification: &Notification, verification: &Verification) -> String {
    let mut text = format!("{}\n", plain(&notification.title));
    if let Some(alert) = &notification.alert {
        let (files, spans) = (alert.files.len(), alert.violation.evidence.len());
        // Writing to a `String` cannot fail.
        let _ = writeln!(
            text,
            "  {} at {}, over {files} data files, shown by {spans} spans",
            plain(&alert.violation.rule),
            moment::format(alert.violation.starts_at),
        );
    }
    if verification.holds && notification.event == Event::Withdrawn {
        text.push_str(
            "It was rightly withdrawn: it held over the files that it names, and over those that are there now it does \
             not.\n",
        );
    } else if verification.holds {
        text.push_str(
            "It holds: the files and the rule are unaltered, and give the same values and the same spans.\n",
        );
    } else {
        text.push_str("It does not hold:\n");
        for finding in &verification.findings {
            // What is said in a finding was made safe where it was made, value by value.
            let _ = writeln!(text, "  {}", finding.detail);
        }
    }
    text
}
