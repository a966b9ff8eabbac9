//! A notification whose every text is safe to show, and bounded.
//!
//! Group values, span names and attributes come from whoever can send a request to the user's services. A violation
//! holds them as they came; nothing is sent before it went through here. What markup means is each sink's own matter.

use std::borrow::Cow;

use fluo_alerts::escape::plain;
use fluo_alerts::notification::Notification;
use fluo_alerts::violation::Top;

use crate::cut::cut_bytes;

/// The most bytes of a text of several lines: as much as a template may make.
const MAX_LINES: usize = fluo_alerts::template::MAX_OUTPUT;

/// `notification` without control and direction characters, every value cut at 1 KiB.
///
/// Identities (ids, fingerprints) stay as they are, also where a value that they were made of is cut.
pub(crate) fn clean(notification: &Notification) -> Notification {
    let mut clean = notification.clone();
    each_text(&mut clean, line, lines);
    clean
}

/// Cuts every text of `notification` to `max` bytes.
pub(crate) fn squeeze(notification: &mut Notification, max: usize) {
    let cut = |text: &mut String| {
        if let Cow::Owned(short) = cut_bytes(text, max) {
            *text = short;
        }
    };
    each_text(notification, cut, cut);
}

/// Applies `line` to every text that has one line, and `lines` to those that may have several.
fn each_text(notification: &mut Notification, line: impl Fn(&mut String), lines: impl Fn(&mut String)) {
    line(&mut notification.title);
    lines(&mut notification.text);
    notification.rule.iter_mut().for_each(&line);
    notification.labels.values_mut().for_each(&line);
    notification.reason.iter_mut().for_each(&lines);
    if let Some(alert) = &mut notification.alert {
        alert.annotations.values_mut().for_each(&lines);
        alert.values.iter_mut().for_each(|(_, value)| line(value));
        alert.trace_urls.iter_mut().for_each(&line);
        if let Some(now) = &mut alert.now {
            now.shown.iter_mut().for_each(|(_, value)| line(value));
            for reading in &mut now.readings {
                [&mut reading.what, &mut reading.value, &mut reading.peak, &mut reading.limit]
                    .into_iter()
                    .for_each(&line);
            }
            now.description.iter_mut().for_each(&lines);
            now.resolve_condition.iter_mut().for_each(&lines);
            now.top.iter_mut().for_each(|top| each_value(top, &line));
            now.notes.iter_mut().for_each(&line);
        }
        for file in &mut alert.files {
            line(&mut file.name);
            line(&mut file.etag);
        }
        let violation = &mut alert.violation;
        line(&mut violation.rule);
        violation.labels.values_mut().for_each(&line);
        violation.group.iter_mut().filter_map(|(_, value)| value.as_mut()).for_each(&line);
        lines(&mut violation.condition);
        line(&mut violation.summary);
        violation.top.iter_mut().for_each(|top| each_value(top, &line));
        for span in &mut violation.evidence {
            line(&mut span.trace_id);
            line(&mut span.span_id);
            line(&mut span.name);
            span.service_name.iter_mut().for_each(&line);
            span.status.iter_mut().for_each(&line);
            span.status_message.iter_mut().for_each(&line);
            span.attributes.values_mut().for_each(&line);
        }
    }
    if let Some(alarm) = &mut notification.alarm {
        line(&mut alarm.name);
        line(&mut alarm.state);
    }
    if let Some(trouble) = &mut notification.trouble {
        trouble.name.iter_mut().for_each(&line);
    }
    for related in notification.together.iter_mut().flat_map(|together| &mut together.alerts) {
        line(&mut related.rule);
        related.group.iter_mut().filter_map(|(_, value)| value.as_mut()).for_each(&line);
        related.values.iter_mut().for_each(|(_, value)| line(value));
    }
    for (_, value) in notification.summary.iter_mut().flat_map(|summary| &mut summary.common) {
        lines(value);
    }
    for alert in notification.summary.iter_mut().flat_map(|summary| &mut summary.largest) {
        alert.group.iter_mut().filter_map(|(_, value)| value.as_mut()).for_each(&line);
        alert.values.iter_mut().for_each(|(_, value)| line(value));
    }
}

/// The values that a key occurs with.
fn each_value(top: &mut Top, line: impl Fn(&mut String)) {
    line(&mut top.key);
    top.values.iter_mut().filter_map(|value| value.value.as_mut()).for_each(line);
}

fn line(text: &mut String) {
    if let Cow::Owned(safe) = plain(text) {
        *text = safe;
    }
}

/// Line by line: a text of several lines keeps its line breaks.
fn lines(text: &mut String) {
    let safe: Vec<_> = text.lines().map(plain).collect();
    let safe = safe.join("\n");
    *text = cut_bytes(safe.trim_end(), MAX_LINES).into_owned();
}
