//! Silences: those beside the rules, and those that were set at run time.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use fluo_rules::silence::{Matcher, Matchers, Silence, SilenceError};
use fluo_store::{Root, StoreError, Swap, Version};
use fluo_time::{Nanos, moment};
use object_store::path::Path;
use serde::{Deserialize, Serialize};

/// The place of the silences of the run time, below the root of the store.
pub const LOCATION: &str = "state/silences.json";

/// Name and version of that object's format: matchers are a list of texts.
pub const SCHEMA: &str = "fluo.silences/v2";

/// The version before, which is read still: matchers are a mapping of label to text, texts or pattern.
const FORMER: &str = "fluo.silences/v1";

/// Silences that are in force together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Silences(pub Vec<Silence>);

impl Silences {
    /// The silence that covers an alert with these labels at a moment, by its id or its comment.
    pub fn covering(&self, labels: &BTreeMap<String, String>, at: i64) -> Option<String> {
        let silence = self.0.iter().find(|silence| silence.active(at) && silence.matches(labels))?;
        Some(silence.id().unwrap_or_else(|| silence.comment()).to_owned())
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    schema: String,
    silences: Vec<Silence>,
}

/// The reasons why the silences of the run time cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SilencesError {
    /// Occurs when the store fails.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Occurs when they were changed by hand into something else.
    #[error("`{LOCATION}` cannot be read")]
    Json(#[from] serde_json::Error),
    /// Occurs when they are of another version.
    #[error("`{LOCATION}` is of format `{0}`, and this version of fluo reads `{SCHEMA}`")]
    Schema(String),
    /// Occurs when what is asked for is no silence.
    #[error(transparent)]
    Silence(#[from] SilenceError),
    /// Occurs when another silence has the id.
    #[error("there is a silence `{0}` already")]
    Taken(String),
    /// Occurs when no silence of the run time has the id.
    #[error("no silence `{0}` was set at run time")]
    Unknown(String),
    /// Occurs when others change the silences again and again.
    #[error("`{LOCATION}` was changed by others {0} times in a row")]
    Contended(u32),
}

/// Reads the silences of the run time, and the version to replace them by.
pub async fn read(root: &Root) -> Result<(Vec<Silence>, Option<Version>), SilencesError> {
    let Some((bytes, version)) = root.versioned.read(&root.at(&Path::from(LOCATION))).await? else {
        return Ok((Vec::new(), None));
    };
    let stored: Stored = serde_json::from_slice(&bytes)?;
    if ![SCHEMA, FORMER].contains(&stored.schema.as_str()) {
        return Err(SilencesError::Schema(stored.schema));
    }
    Ok((stored.silences, Some(version)))
}

/// The bytes of the object that holds silences.
pub fn encode(silences: Vec<Silence>) -> Result<Bytes, SilencesError> {
    let stored = Stored { schema: SCHEMA.to_owned(), silences };
    Ok(fluo_rules::json::to_string_pretty(&stored)?.into())
}

/// The time that a silence is kept after it is over.
pub const KEPT: Nanos = Nanos(7 * Nanos::DAY.0);

/// A silence that is to be set.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    /// Its id; made from what it matches and the time, where nothing is given.
    pub id: Option<String>,
    /// The reason for it.
    pub comment: String,
    /// Its matchers.
    pub matchers: Matchers,
    /// Its first moment.
    pub from: i64,
    /// The moment it is over.
    pub until: i64,
}

/// Sets a silence at run time, and gives it back with its id. `taken` are ids that silences elsewhere have.
///
/// # Errors
///
/// [`SilencesError`] where it is no silence, its id is taken, or it cannot be written.
pub async fn add(
    root: &Root,
    wanted: &Wanted,
    taken: &BTreeSet<String>,
    now: i64,
) -> Result<Silence, SilencesError> {
    let mut ours: Option<Silence> = None;
    change(root, now, |mut silences| {
        // A write whose outcome was not known had won.
        if let Some(ours) = ours.as_ref().filter(|ours| silences.contains(ours)) {
            return Ok((silences.clone(), ours.clone()));
        }
        let is_taken =
            |id: &str| taken.contains(id) || silences.iter().any(|silence| silence.id() == Some(id));
        let id = match &wanted.id {
            Some(id) if is_taken(id) => return Err(SilencesError::Taken(id.clone())),
            Some(id) => id.clone(),
            None => new_id(&wanted.matchers, now, is_taken),
        };
        let range = (Some(wanted.from), Some(wanted.until));
        let silence = Silence::new(Some(id), wanted.comment.clone(), wanted.matchers.clone(), range, None)?;
        ours = Some(silence.clone());
        silences.push(silence.clone());
        Ok((silences, silence))
    })
    .await
}

/// Ends a silence of the run time now; one that has not begun is dropped. Gives back what it was before.
///
/// # Errors
///
/// [`SilencesError::Unknown`] where there is none of this id, and what reading and writing fail with.
pub async fn end(root: &Root, id: &str, now: i64) -> Result<Silence, SilencesError> {
    let mut first: Option<Silence> = None;
    change(root, now, |silences| {
        let found = silences.iter().find(|silence| silence.id() == Some(id)).cloned();
        let Some(before) = first.clone().or(found) else { return Err(SilencesError::Unknown(id.to_owned())) };
        first = Some(before.clone());
        let end = |silence: Silence| {
            if silence.id() == Some(id) { silence.ended(now) } else { Some(silence) }
        };
        Ok((silences.into_iter().filter_map(end).collect(), before))
    })
    .await
}

/// Changes the silences of the run time by what is there, again where another was faster. Those that were over a week
/// ago are dropped.
async fn change<T>(
    root: &Root,
    now: i64,
    mut change: impl FnMut(Vec<Silence>) -> Result<(Vec<Silence>, T), SilencesError>,
) -> Result<T, SilencesError> {
    /// The number of times that another may be faster.
    const MOST_LOST: u32 = 20;
    let path = root.at(&Path::from(LOCATION));
    for _ in 0..MOST_LOST {
        let (silences, version) = read(root).await?;
        let (mut silences, result) = change(silences)?;
        silences.retain(|silence| silence.until().is_none_or(|until| until > now.saturating_sub(KEPT.0)));
        match root.versioned.swap(&path, version.as_ref(), encode(silences)?).await {
            Ok(Swap::Swapped(_)) => return Ok(result),
            // Doing it again is harmless: what was done already is not done twice.
            Ok(Swap::Lost) | Err(StoreError::OutcomeUnknown { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(SilencesError::Contended(MOST_LOST))
}

/// The most characters that an id takes from what its silence matches.
const SLUG: usize = 40;

/// `checkout-errors-20261122-1104`: what is silenced, and when that was said.
fn new_id(matchers: &Matchers, now: i64, is_taken: impl Fn(&str) -> bool) -> String {
    let of_rule = matchers.iter().find(|matcher| matcher.label() == "rule");
    let named = of_rule.or_else(|| matchers.iter().next()).map_or("", Matcher::named);
    let words: Vec<String> = named
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect();
    let slug: String = words.join("-").chars().take(SLUG).collect();
    let slug = slug.trim_end_matches('-');
    let minute: String = moment::format(now).chars().take("2026-11-22T11:04".len()).collect();
    let minute = minute.replace(['-', ':'], "").replace('T', "-");
    let id = if slug.is_empty() { minute } else { format!("{slug}-{minute}") };
    if !is_taken(&id) {
        return id;
    }
    let mut number = 2_u64;
    loop {
        let numbered = format!("{id}-{number}");
        if !is_taken(&numbered) {
            return numbered;
        }
        number += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use fluo_store::Versioned;

    use super::*;

    /// 2026-11-22T11:04:51Z.
    const NOW: i64 = 1_795_345_491_000_000_000;

    fn wanted(rule: &str) -> Wanted {
        Wanted {
            id: None,
            comment: "moving".to_owned(),
            matchers: Matchers::new([Matcher::equal("rule", rule)]).unwrap(),
            from: NOW,
            until: NOW + Nanos::HOUR.0,
        }
    }

    async fn ids(root: &Root) -> Vec<String> {
        let (silences, _) = read(root).await.unwrap();
        silences.iter().map(|silence| silence.id().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn ids_say_what_and_when_and_differ() {
        let root = Root::in_memory().unwrap();
        let elsewhere = BTreeSet::from(["auth-failures-20261122-1104-2".to_owned()]);
        for expected in ["auth-failures-20261122-1104", "auth-failures-20261122-1104-3"] {
            let added = add(&root, &wanted("Auth  Failures!"), &elsewhere, NOW).await.unwrap();
            assert_eq!(added.id(), Some(expected));
            assert!(added.active(NOW) && !added.active(NOW + Nanos::HOUR.0));
        }
        let hostile = Wanted {
            matchers: Matchers::new([Matcher::pattern("team", "\u{1b}[a]").unwrap()]).unwrap(),
            ..wanted("r")
        };
        let added = add(&root, &hostile, &elsewhere, NOW).await.unwrap();
        assert_eq!(added.id(), Some("a-20261122-1104"));
        assert_eq!(ids(&root).await.len(), 3);
    }

    #[tokio::test]
    async fn an_id_is_given_once() {
        let root = Root::in_memory().unwrap();
        let named = Wanted { id: Some("m1".to_owned()), ..wanted("r") };
        add(&root, &named, &BTreeSet::new(), NOW).await.unwrap();
        let error = add(&root, &named, &BTreeSet::new(), NOW).await.unwrap_err();
        assert!(matches!(error, SilencesError::Taken(id) if id == "m1"));
        let empty = Wanted { comment: " ".to_owned(), ..wanted("r") };
        assert!(matches!(add(&root, &empty, &BTreeSet::new(), NOW).await, Err(SilencesError::Silence(_))));
    }

    #[tokio::test]
    async fn a_silence_ends_is_kept_for_a_week_and_then_dropped() {
        let root = Root::in_memory().unwrap();
        let none = BTreeSet::new();
        let first = add(&root, &wanted("r"), &none, NOW).await.unwrap();
        let later = Wanted { from: NOW + Nanos::HOUR.0, until: NOW + Nanos::DAY.0, ..wanted("later") };
        let later = add(&root, &later, &none, NOW).await.unwrap();
        let after = NOW + Nanos::MINUTE.0;
        assert_eq!(end(&root, first.id().unwrap(), after).await.unwrap(), first);
        assert_eq!(end(&root, later.id().unwrap(), after).await.unwrap(), later);
        let (silences, _) = read(&root).await.unwrap();
        assert_eq!(
            silences.iter().map(Silence::until).collect::<Vec<_>>(),
            [Some(after)],
            "not begun: dropped"
        );
        let unknown = end(&root, "other", after).await.unwrap_err();
        assert!(matches!(unknown, SilencesError::Unknown(id) if id == "other"));
        add(&root, &wanted("r2"), &none, after + KEPT.0 - 1).await.unwrap();
        assert_eq!(ids(&root).await.len(), 2);
        let week = after + KEPT.0;
        let next = Wanted { until: week + Nanos::HOUR.0, ..wanted("r3") };
        add(&root, &next, &none, week).await.unwrap();
        assert!(!ids(&root).await.contains(&first.id().unwrap().to_owned()));
    }

    #[tokio::test]
    async fn silences_that_the_version_before_stored_are_in_force_and_are_kept_when_others_are_set() {
        let root = Root::in_memory().unwrap();
        let former = r#"{"schema":"fluo.silences/v1","silences":[
            {"id":"m1","comment":"c","matchers":{"cloud.region":["eu","us"],"rule":{"matches":"^auth"}},"until":"2026-11-23T00:00:00Z"},
            {"id":"m2","comment":"c","matchers":{"rule":"slow"},"until":"2026-11-23T00:00:00Z"}]}"#;
        let path = root.at(&Path::from(LOCATION));
        root.versioned.swap(&path, None, Bytes::from(former)).await.unwrap();
        add(&root, &wanted("r"), &BTreeSet::new(), NOW).await.unwrap();
        let (bytes, _) = root.versioned.read(&path).await.unwrap().unwrap();
        assert_eq!(serde_json::from_slice::<Stored>(&bytes).unwrap().schema, "fluo.silences/v2");
        let silences = Silences(read(&root).await.unwrap().0);
        for (pairs, expected) in [
            (&[("rule", "auth-failures"), ("cloud.region", "us")][..], Some("m1")),
            (&[("rule", "auth-failures"), ("cloud.region", "ap")], None),
            (&[("rule", "no-auth"), ("cloud.region", "us")], None),
            (&[("rule", "slow")], Some("m2")),
            (&[("rule", "r")], Some("r-20261122-1104")),
        ] {
            let labels = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            assert_eq!(silences.covering(&labels, NOW).as_deref(), expected, "{pairs:?}");
        }
        let newer = r#"{"schema":"fluo.silences/v3","silences":[]}"#;
        let other = Root::in_memory().unwrap();
        other.versioned.swap(&other.at(&Path::from(LOCATION)), None, Bytes::from(newer)).await.unwrap();
        assert!(matches!(read(&other).await, Err(SilencesError::Schema(_))));
    }

    /// A store in which others are faster `times` times: each sets a silence before the write that loses.
    #[derive(Debug)]
    struct Raced {
        inner: Arc<dyn Versioned>,
        left: std::sync::atomic::AtomicU32,
        /// The write is done, and its answer is lost.
        unknown: bool,
    }

    #[async_trait]
    impl Versioned for Raced {
        async fn read(&self, path: &Path) -> Result<Option<(Bytes, Version)>, StoreError> {
            self.inner.read(path).await
        }

        async fn swap(
            &self,
            path: &Path,
            expected: Option<&Version>,
            bytes: Bytes,
        ) -> Result<Swap, StoreError> {
            use std::sync::atomic::Ordering::SeqCst;
            let left = self.left.load(SeqCst);
            if left == 0 {
                return self.inner.swap(path, expected, bytes).await;
            }
            self.left.store(left - 1, SeqCst);
            if self.unknown {
                self.inner.swap(path, expected, bytes).await?;
                let location = path.clone();
                return Err(StoreError::OutcomeUnknown { location, source: "gone".into() });
            }
            let stored: Vec<Silence> = match self.inner.read(path).await? {
                Some((bytes, _)) => serde_json::from_slice::<Stored>(&bytes).unwrap().silences,
                None => Vec::new(),
            };
            let range = (Some(NOW), None);
            let other =
                Silence::new(Some(format!("other-{left}")), "c", wanted("x").matchers, range, None).unwrap();
            let more = encode(stored.into_iter().chain([other]).collect()).unwrap();
            assert!(matches!(self.inner.swap(path, expected, more).await?, Swap::Swapped(_)));
            self.inner.swap(path, expected, bytes).await
        }

        async fn remove(&self, path: &Path) -> Result<(), StoreError> {
            self.inner.remove(path).await
        }
    }

    fn raced(times: u32, unknown: bool) -> Root {
        let mut root = Root::in_memory().unwrap();
        let inner = Arc::clone(&root.versioned);
        root.versioned = Arc::new(Raced { inner, left: times.into(), unknown });
        root
    }

    #[tokio::test]
    async fn nothing_is_lost_where_others_are_faster() {
        let root = raced(3, false);
        add(&root, &wanted("r"), &BTreeSet::new(), NOW).await.unwrap();
        assert_eq!(ids(&root).await, ["other-3", "other-2", "other-1", "r-20261122-1104"]);
        let contended = add(&raced(1000, false), &wanted("r"), &BTreeSet::new(), NOW).await;
        assert!(matches!(contended, Err(SilencesError::Contended(_))));
    }

    #[tokio::test]
    async fn a_write_whose_answer_was_lost_is_not_done_twice() {
        let root = raced(1, true);
        let added = add(&root, &wanted("r"), &BTreeSet::new(), NOW).await.unwrap();
        assert_eq!(ids(&root).await, ["r-20261122-1104"]);
        assert_eq!(read(&root).await.unwrap().0, [added]);
    }
}
