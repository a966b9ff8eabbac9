//! An alert, proved: recomputed from the files and the rule that it names.
//!
//! ```text
//! files it names ─▶ there? same etag? ─┐
//! state/rules/<hash>.yml ─▶ same hash? ─┴▶ judged again at `starts_at`, over exactly these ─▶ holds? same values, evidence?
//! ```
//!
//! Later files change nothing: whoever was told was told of what was there. It is what a `withdrawn` alert is
//! proved by: over all files of its window that are there now, it must not hold. A file that was compacted since is found
//! within the compacted one, with the tag that it had, and exactly its rows are read. What lies behind the first moment
//! (`ends_at`, `peak`, whether it held for `for`) is not proved: the alert names the files of its first window only.

mod compare;
mod finding;

use std::sync::Arc;

use fluo_alerts::escape::plain;
use fluo_alerts::notification::{Event, FileRef, Id, Notification, Told};
use fluo_alerts::template::Renderer;
use fluo_alerts::violation::Violation;
use fluo_engine::{Asked, EngineError, record, session_with_memory};
use fluo_plan::{Reach, RulePlan};
use fluo_rules::decisive::text_hash;
use fluo_rules::rule::Rule;
use fluo_rules::{SourceFile, load};
use fluo_store::compaction::Replacements;
use fluo_store::names::current;
use fluo_store::{DataFile, Root, StoreError, etag, first_end, list_range, look_up, read_if_present};
use fluo_time::range::meet;
use fluo_time::{TimeRange, moment};
use object_store::path::Path;
use serde::Serialize;

pub use finding::{Finding, Kind};

use finding::differs;

use crate::settings::Settings;
use crate::span_data::{SpanData, ends_of};
use crate::state::State;

/// Name and version of the payload's format.
pub const SCHEMA: &str = "fluo.verification/v1";

/// The outcome of recomputing an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// [`SCHEMA`].
    pub schema: String,
    /// `true` where everything that can be proved is as it was told.
    pub holds: bool,
    /// The findings: what is not as it was told.
    pub findings: Vec<Finding>,
}

/// The reasons why an alert could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Occurs when the store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Occurs when the window cannot be judged.
    #[error("the window could not be judged again")]
    Engine(#[from] EngineError),
    /// Occurs when a file of the window is there and cannot be read now.
    #[error("`{file}` cannot be read now: {reason}")]
    Unread {
        /// Its place below the root of the store.
        file: String,
        /// The error in place of its bytes.
        reason: String,
    },
    /// Occurs when the notification is about something else than one alert.
    #[error("a `{event}` notification is not about one alert, so that there is nothing to recompute")]
    NoAlert {
        /// The notification's event.
        event: &'static str,
    },
    /// Occurs when the rule's text is what it was, and this version of fluo does not read it.
    #[error(
        "the text of the rule, `{name}`, is unaltered, and this version of fluo does not load it: {reason}"
    )]
    Rule {
        /// Its place below the root of the store.
        name: String,
        /// The reason why it is not loaded.
        reason: String,
    },
}

/// Recomputes the alert of a notification from the store at `root`.
///
/// # Errors
///
/// [`VerifyError`] where nothing can be said. That something is missing or altered is a finding.
pub async fn verify(notification: &Notification, root: &Root) -> Result<Verification, VerifyError> {
    let Some(told) = &notification.alert else {
        return Err(VerifyError::NoAlert { event: notification.event.as_str() });
    };
    let mut findings = Vec::new();
    let files = files(&told.files, root, &mut findings).await?;
    let rule = rule(&told.rule_hash, root, &mut findings).await?;
    if let Some(rule) = rule.map(Arc::new) {
        findings.extend(said(notification, told, &rule));
        // Over other files than those that were judged, anything may come out.
        if files.len() == told.files.len() {
            judge(told, &rule, &files, root, &mut findings).await?;
        }
        if notification.event == Event::Withdrawn {
            judge_withdrawn(told, &rule, root, &mut findings).await?;
        }
    }
    Ok(Verification { schema: SCHEMA.to_owned(), holds: findings.is_empty(), findings })
}

/// The files that are there as they were.
async fn files(
    named: &[FileRef],
    root: &Root,
    findings: &mut Vec<Finding>,
) -> Result<Vec<DataFile>, VerifyError> {
    let mut found = Vec::new();
    let mut replacements = Replacements::default();
    for FileRef { name, etag: told } in named {
        let shown = plain(name);
        let mut add = |kind, detail| findings.push(Finding { kind, detail });
        // What names no place below the root names nothing, wherever it points.
        let there = match Path::parse(name) {
            Ok(relative) => Some(root.at(&relative)),
            Err(_) => None,
        };
        let now = match &there {
            Some(location) => file_now(location, root).await?,
            None => None,
        };
        if now.as_ref().is_none_or(|(_, now)| now != told)
            && let Some(location) = &there
            && let Some(file) = replacements.find(root.store.as_ref(), location, told).await?
        {
            found.push(file);
            continue;
        }
        let Some((file, now)) = now else {
            add(Kind::FileMissing, format!("`{shown}` is not there any more"));
            continue;
        };
        let now = plain(&now);
        if now == *told {
            found.push(file);
        } else if is_hash(told) == is_hash(&now) && !told.starts_with("unknown: ") {
            let told = plain(told);
            add(Kind::FileAltered, format!("`{shown}` was altered: it was {told}, and is {now}"));
        } else {
            let told = plain(told);
            add(Kind::FileUnproven, format!("`{shown}` cannot be held against `{told}`: it is {now} here"));
        }
    }
    Ok(found)
}

/// Returns whether a tag is the hash of a file's bytes, and not a version of some store's own.
fn is_hash(etag: &str) -> bool {
    etag.starts_with("sha256:")
}

/// A file as it is now, and its tag.
async fn file_now(location: &Path, root: &Root) -> Result<Option<(DataFile, String)>, StoreError> {
    let Some(object) = look_up(root.store.as_ref(), location).await? else { return Ok(None) };
    let file = DataFile::of(object);
    let now = etag(root, &file).await?;
    Ok(Some((file, now)))
}

/// The rule whose text has this hash.
async fn rule(hash: &str, root: &Root, findings: &mut Vec<Finding>) -> Result<Option<Rule>, VerifyError> {
    let mut add = |kind, detail| findings.push(Finding { kind, detail });
    let is_hash = hash.len() == 64 && hash.bytes().all(|c| c.is_ascii_hexdigit());
    if !is_hash {
        add(Kind::RuleMissing, format!("`{}` is the hash of no rule's text", plain(hash)));
        return Ok(None);
    }
    let name = format!("state/rules/{hash}.yml");
    let location = root.at(&Path::from(name.as_str()));
    let Some(bytes) = read_if_present(root.store.as_ref(), &location).await? else {
        add(Kind::RuleMissing, format!("the text of the rule, `{name}`, is not there any more"));
        return Ok(None);
    };
    let loaded = load(&[SourceFile::new(name.as_str(), bytes.to_vec())]);
    // Once, the hash was that of the text.
    let unaltered = std::str::from_utf8(&bytes).is_ok_and(|text| text_hash(text) == hash)
        || loaded.rules.iter().any(|rule| rule.source.hash == hash);
    if !unaltered {
        add(Kind::RuleAltered, format!("the text of the rule, `{name}`, was altered: its hash is another"));
        return Ok(None);
    }
    // An objective stands for several rules, each with a hash of its own.
    let mut rules = loaded.rules;
    if rules.len() > 1 {
        rules.retain(|rule| rule.source.hash == hash);
    }
    if let (Some(rule), true) = (rules.pop(), rules.is_empty()) {
        // How many groups are too many is no part of the hash.
        return Ok(Some(Rule { group_limit: u32::MAX, ..rule }));
    }
    let reason = loaded.findings.first().map(|finding| finding.message.clone());
    let reason = reason.unwrap_or_else(|| "it holds another number of rules than one".to_owned());
    Err(VerifyError::Rule { name, reason: plain(&reason).into_owned() })
}

/// Returns what the notification says of the rule and is not so. Severity and labels decide nothing: the text that is
/// kept by its hash may have others.
fn said(notification: &Notification, told: &Told, rule: &Rule) -> Vec<Finding> {
    let violation = &told.violation;
    let name = notification.rule.clone().unwrap_or_default();
    let id = Id::of_episode(&violation.fingerprint, violation.starts_at);
    [
        ("rule", violation.rule.clone(), rule.name.clone()),
        ("rule of the notification", name, rule.name.clone()),
        ("condition", lines(&violation.condition), lines(&rule.condition.text)),
        ("window", violation.window.to_string(), rule.window.to_string()),
        ("id", told.id.to_string(), id.to_string()),
    ]
    .into_iter()
    .filter(|(_, told, is)| plain(told) != plain(is))
    .map(|(what, told, is)| differs(Kind::Told, what, &told, &is))
    .collect()
}

/// A text of several lines as sinks send it.
fn lines(text: &str) -> String {
    text.lines().map(plain).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

/// Judges the window again, over the files that were named.
async fn judge(
    told: &Told,
    rule: &Arc<Rule>,
    files: &[DataFile],
    root: &Root,
    findings: &mut Vec<Finding>,
) -> Result<(), VerifyError> {
    match look(told, rule, files, root).await? {
        Look::Holds(again) => findings.extend(compare::compare(told, &again)),
        Look::DoesNotHold => {
            let detail = format!("the condition {}", held(told, rule, "does not hold"));
            findings.push(Finding { kind: Kind::Condition, detail });
        }
        Look::Damaged(detail) => findings.push(Finding { kind: Kind::FileAltered, detail }),
    }
    Ok(())
}

/// Judges the window of an alert that was taken back over all files that are there now: over these it must not hold.
async fn judge_withdrawn(
    told: &Told,
    rule: &Arc<Rule>,
    root: &Root,
    findings: &mut Vec<Finding>,
) -> Result<(), VerifyError> {
    let to = told.violation.starts_at;
    let Reach { before, after, .. } = RulePlan::new(Arc::clone(rule)).map_err(EngineError::from)?.reach();
    let window = to.saturating_sub(before).saturating_add(1)..=to.saturating_add(after);
    let listed = list_range(root.store.as_ref(), &root.at(&Path::from("spans")), window).await?;
    let files = current(listed.files, |file| file.name.as_ref()).current;
    match look(told, rule, &files, root).await? {
        Look::DoesNotHold => {}
        Look::Holds(_) => {
            let detail = format!(
                "it was withdrawn, and over the files that are there now the condition {}",
                held(told, rule, "holds")
            );
            findings.push(Finding { kind: Kind::Withdrawal, detail });
        }
        Look::Damaged(detail) => findings.push(Finding { kind: Kind::FileAltered, detail }),
    }
    Ok(())
}

fn held(told: &Told, rule: &Rule, holds: &str) -> String {
    let (condition, group) = (plain(&rule.condition.text), compare::group_of(&told.violation));
    format!("`{condition}` {holds} for {group} at {}", moment::format(told.violation.starts_at))
}

/// The moment at which an alert began, judged again.
enum Look {
    Holds(Box<Violation>),
    DoesNotHold,
    /// A file cannot be read, which is said.
    Damaged(String),
}

async fn look(told: &Told, rule: &Arc<Rule>, files: &[DataFile], root: &Root) -> Result<Look, VerifyError> {
    let plan = RulePlan::new(Arc::clone(rule)).map_err(EngineError::from)?;
    let starts_at = told.violation.starts_at;
    let moment = TimeRange { from: starts_at, to: starts_at };
    let (store, spans) = (root.store.as_ref(), root.at(&Path::from("spans")));
    let mut files = files.to_vec();
    if plan.seen_behind().is_some() {
        // When groups were seen is no part of what is named. A file that is summed up and not named came later.
        let listed =
            list_range(store, &spans, starts_at.saturating_sub(plan.reach().before)..=starts_at).await?;
        let summed = plan.times_of(moment);
        let present = current(listed.files, |file| file.name.as_ref()).current;
        files.extend(present.into_iter().filter(|file| !meet(&summed, ends_of(file))));
    }
    let first = if plan.calls().is_empty() { None } else { first_end(store, &spans, |_| true).await? };
    let data = SpanData::new(root.clone());
    let mut known = State::new();
    let opened = data.source(&files, &mut known).await;
    if let Some(unread) = known.unread.first() {
        return Err(VerifyError::Unread { file: unread.name.clone(), reason: unread.reason.clone() });
    }
    if let Some(damaged) = known.damaged.first() {
        let (name, reason) = (plain(&damaged.name), plain(&damaged.reason));
        return Ok(Look::Damaged(format!("`{name}` cannot be read: {reason}")));
    }
    // Of a file that is not opened, one of the two is known.
    let source = opened.unwrap_or_default();
    let session = session_with_memory(Settings::default().rule_memory);
    // All that was known then lies in the files that are named.
    let asked = [Asked { first, ..Asked::new(&plan, vec![moment]) }];
    let judged = fluo_engine::judge(&session, &source, &asked).await?;
    let violations = judged.rules.into_iter().next().unwrap_or_else(|| Ok(Vec::new()))?;
    // Links and annotations are texts about the alert, and not part of what is proved.
    let renderer = Renderer::new(None);
    let again = violations
        .iter()
        .map(|observed| record::violation(rule, observed, &renderer).0)
        .find(|violation| violation.fingerprint == told.violation.fingerprint);
    Ok(again.map_or(Look::DoesNotHold, |again| Look::Holds(Box::new(again))))
}

#[cfg(test)]
mod tests;
