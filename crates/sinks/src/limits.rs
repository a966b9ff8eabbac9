//! Cuts what is too long for a receiver, and says so in the message.

use fluo_alerts::notification::Notification;

use crate::clean::{clean, squeeze};
use crate::cut::{ELLIPSIS, cut_bytes};

/// Occurs when a message cannot be cut to what its receiver takes.
#[derive(Debug)]
pub(crate) struct TooLarge {
    /// The size of what is left of it, in bytes.
    pub(crate) bytes: usize,
    /// The size that the receiver takes.
    pub(crate) limit: usize,
}

impl std::fmt::Display for TooLarge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { bytes, limit } = self;
        write!(f, "it has {bytes} bytes however much is left out, and at most {limit} are taken")
    }
}

/// The lengths to which texts are cut where cutting lists was not enough.
const SQUEEZES: [usize; 3] = [512, 128, 32];

/// The cleaned notification in the form that `form` makes of it, with as much of its lists as `limit` bytes can hold.
///
/// Evidence goes first, by halves, then commonest values, the names of the files, links, annotations, and related alerts,
/// and at last the ends of all texts: whoever controls values must not be able to make an alert about them too large to send. The text says what
/// was left out; `form` is given the same by itself.
pub(crate) fn fit(
    notification: &Notification,
    limit: usize,
    form: impl Fn(&Notification, Option<&str>) -> String,
) -> Result<String, TooLarge> {
    let whole = clean(notification);
    let mut shown = whole.clone();
    let mut squeezes = SQUEEZES.into_iter();
    let (mut longest, mut note) = (None, None);
    loop {
        let body = form(&shown, note.as_deref());
        if body.len() <= limit {
            return Ok(body);
        }
        if !shrink(&mut shown) {
            longest = Some(squeezes.next().ok_or(TooLarge { bytes: body.len(), limit })?);
        }
        let mut left_out = left_out(&whole, &shown);
        let mut text = whole.text.as_str().into();
        if let Some(longest) = longest {
            squeeze(&mut shown, longest);
            left_out.push(format!("what is longer than {longest} bytes"));
            text = cut_bytes(&whole.text, longest);
        }
        let said =
            format!("({ELLIPSIS} left out, because the message would be too large: {})", left_out.join(", "));
        shown.text = if text.is_empty() { said.clone() } else { format!("{text}\n{said}") };
        note = Some(said);
    }
}

/// Halves the first of the lists that is not empty yet; false when there is nothing left to cut.
fn shrink(notification: &mut Notification) -> bool {
    fn halve<T>(list: &mut Vec<T>) -> bool {
        let some = !list.is_empty();
        list.truncate(list.len() / 2);
        some
    }
    if let Some(summary) = &mut notification.summary
        && halve(&mut summary.largest)
    {
        return true;
    }
    let related = notification.together.as_mut().map(|together| &mut together.alerts);
    let Some(alert) = &mut notification.alert else { return false };
    halve(&mut alert.violation.evidence)
        || halve(&mut alert.violation.top)
        || alert.now.as_mut().is_some_and(|now| halve(&mut now.top))
        || halve(&mut alert.files)
        || halve(&mut alert.trace_urls)
        || alert.annotations.pop_last().is_some()
        || related.is_some_and(halve)
}

fn left_out(whole: &Notification, shown: &Notification) -> Vec<String> {
    type Count = fn(&Notification) -> usize;
    let counts: [(&str, Count); 7] = [
        ("spans of evidence", |n| n.alert.as_ref().map_or(0, |alert| alert.violation.evidence.len())),
        ("lists of commonest values", |n| {
            n.alert.iter().flat_map(|alert| &alert.now).map(|now| now.top.len()).sum()
        }),
        ("data files", |n| n.alert.as_ref().map_or(0, |alert| alert.files.len())),
        ("links", |n| n.alert.as_ref().map_or(0, |alert| alert.trace_urls.len())),
        ("annotations", |n| n.alert.as_ref().map_or(0, |alert| alert.annotations.len())),
        ("related alerts", |n| n.together.as_ref().map_or(0, |together| together.alerts.len())),
        ("of the alerts listed", |n| n.summary.as_ref().map_or(0, |summary| summary.largest.len())),
    ];
    counts
        .iter()
        .map(|(what, count)| (what, count(whole) - count(shown)))
        .filter(|(_, left)| *left > 0)
        .map(|(what, left)| format!("{left} {what}"))
        .collect()
}
