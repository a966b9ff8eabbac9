use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use fluo_spans::layout::AttributeScope::{self, Resource, Span};
use futures::future::join_all;
use proptest::prelude::*;

use super::*;
use crate::failing::{Failing, Outage};
use crate::versioned::{ConditionalStore, Swap, Versioned};

const DAY: i64 = 24 * 60 * 60 * 1000;

fn attribute(scope: AttributeScope, key: &str) -> Attribute {
    (scope, key.to_owned())
}

/// Attributes that one rule asks for.
fn asked(keys: &[&str]) -> Asked {
    let mut asked = Asked::default();
    for key in keys {
        asked.add(attribute(Span, key), "rule");
    }
    asked
}

/// The keys of columns that are not built in.
fn added(stored: &StoredLayout) -> Vec<&str> {
    let builtin = Layout::builtin();
    let of_rules = |column: &&Column| builtin.column(column.of.into(), &column.key).is_none();
    stored.columns.iter().filter(of_rules).map(|column| column.key.as_str()).collect()
}

async fn stored(root: &Root) -> Option<StoredLayout> {
    read(root).await.unwrap().map(|(stored, _)| stored)
}

#[test]
fn what_is_built_in_is_the_layout_of_a_store_without_one() {
    assert_eq!(StoredLayout::built_in().layout(), Layout::builtin());
    let nothing_new = StoredLayout::built_in().next(&asked(&["http.route", "error.type"]), 0);
    assert!(!nothing_new.is_changed);
    assert_eq!(nothing_new.layout, StoredLayout::built_in());
}

#[test]
fn a_pinned_attribute_has_its_column_first_and_keeps_it_whatever_rules_ask_for() {
    let many: Vec<String> = (0..MOST_ADDED + 5).map(|at| format!("key.{at:03}")).collect();
    let mut asked = asked(&many.iter().map(String::as_str).collect::<Vec<_>>());
    asked.pinned.insert(attribute(Resource, "zz.zone"));
    let next = StoredLayout::built_in().next(&asked, 0);
    assert!(next.added.contains(&attribute(Resource, "zz.zone")));
    assert_eq!((next.added.len(), next.left_out.len()), (MOST_ADDED, 6));
    let pinned = Asked { pinned: asked.pinned.clone(), ..Asked::default() };
    let later = next.layout.next(&pinned, DAY).layout.next(&pinned, DAY + KEPT_MS).layout;
    assert_eq!(added(&later), ["zz.zone"], "what rules asked for has gone");
    let unpinned = later.next(&Asked::default(), 30 * DAY).layout;
    assert_eq!(added(&unpinned), ["zz.zone"], "it goes slowly");
    assert!(added(&unpinned.next(&Asked::default(), 30 * DAY + KEPT_MS).layout).is_empty());
}

#[test]
fn an_attribute_that_is_asked_for_gets_a_column_at_once() {
    let next = StoredLayout::built_in().next(&asked(&["app.tenant"]), 0);
    assert_eq!((next.is_changed, next.layout.number), (true, 2));
    assert_eq!(next.added, [attribute(Span, "app.tenant")]);
    let layout = next.layout.layout();
    assert_eq!(layout.column(Span, "app.tenant"), Some("attr_app_tenant"));
    assert_eq!(layout.column(Resource, "app.tenant"), None);
    assert_eq!(layout.columns.len(), Layout::builtin().columns.len() + 1);
    assert!(!next.layout.next(&asked(&["app.tenant"]), DAY).is_changed, "once is enough");
}

#[test]
fn a_column_goes_a_week_after_the_last_rule_that_asked_for_it() {
    let with = StoredLayout::built_in().next(&asked(&["app.tenant"]), 0).layout;
    let unasked = with.next(&asked(&[]), DAY);
    assert!(unasked.is_changed, "it is put down that nobody asks");
    assert_eq!((unasked.layout.number, added(&unasked.layout)), (2, vec!["app.tenant"]));
    assert!(!unasked.layout.next(&asked(&[]), 8 * DAY - 1).is_changed);

    let again = unasked.layout.next(&asked(&["app.tenant"]), 5 * DAY);
    assert_eq!((again.layout.clone(), again.added), (with, vec![]), "as if nothing had been");

    let dropped = unasked.layout.next(&asked(&[]), 8 * DAY);
    assert_eq!((dropped.layout.number, added(&dropped.layout)), (3, vec![]));
    assert_eq!(dropped.dropped, [attribute(Span, "app.tenant")]);
    assert_eq!(dropped.layout.layout().column(Span, "app.tenant"), None);
    assert_eq!(dropped.layout.with_former().column(Span, "app.tenant"), Some("attr_app_tenant"));

    let back = dropped.layout.next(&asked(&["app.tenant"]), 9 * DAY);
    assert_eq!((back.layout.number, back.layout.former.len()), (4, 0));
    assert_eq!(back.layout.column(&attribute(Span, "app.tenant")).unwrap().since, 4);
}

#[test]
fn there_are_so_many_columns_and_those_first_that_most_rules_ask_for() {
    let keys: Vec<String> = (0..MOST_ADDED + 2).map(|number| format!("key.{number:03}")).collect();
    let mut all = asked(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    all.add(attribute(Span, "key.049"), "another rule");
    let next = StoredLayout::built_in().next(&all, 0);
    assert_eq!(added(&next.layout).len(), MOST_ADDED);
    assert!(added(&next.layout).contains(&"key.049"));
    let left_out = [attribute(Span, "key.047"), attribute(Span, "key.048")];
    assert_eq!(next.left_out, left_out.map(|it| (it, LeftOut::NoRoom)).into());

    // What is there stays, though others are asked for by more rules.
    all.add(attribute(Span, "key.048"), "another rule");
    all.add(attribute(Span, "key.048"), "and another");
    assert!(!next.layout.next(&all, DAY).is_changed);
}

#[test]
fn a_column_has_the_same_key_for_ever() {
    // In the order of bytes, `a.b` is before `a_b`.
    let first = StoredLayout::built_in().next(&asked(&["a_b"]), 0).layout;
    let both = first.next(&asked(&["a_b", "a.b"]), 0);
    assert!(!both.is_changed);
    assert_eq!(both.left_out, [(attribute(Span, "a.b"), LeftOut::NameTaken("a_b".to_owned()))].into());
    let dropped = first.next(&asked(&["a.b"]), 0).layout.next(&asked(&["a.b"]), 8 * DAY).layout;
    assert_eq!(added(&dropped), [""; 0], "files of before have it still");

    let builtin = StoredLayout::built_in().next(&asked(&["HTTP.Route"]), 0);
    assert_eq!(builtin.left_out.values().next(), Some(&LeftOut::NameTaken("http.route".to_owned())));
    let long = StoredLayout::built_in().next(&asked(&[&"x".repeat(201)]), 0);
    assert_eq!(long.left_out.values().next(), Some(&LeftOut::TooLong));
}

#[tokio::test]
async fn it_is_read_as_it_was_written_in_ascii() {
    let root = Root::in_memory().unwrap();
    let mut asked = asked(&["prix.é", "quote\"\\ \u{7f}\u{1f600}\n"]);
    asked.add(attribute(Resource, "k8s.zone"), "rule");
    let kept = keep(&root, &asked, 7).await.unwrap();
    assert_eq!((kept.before.number, kept.next.layout.number), (1, 2));
    let (bytes, _) = root.versioned.read(&Path::from(LOCATION)).await.unwrap().unwrap();
    assert!(bytes.is_ascii() && !bytes.contains(&0x7f));
    assert_eq!(stored(&root).await, Some(kept.next.layout));
}

#[tokio::test]
async fn what_is_no_layout_is_refused_and_left_as_it_is() {
    let write = |text: String| async move {
        let root = Root::in_memory().unwrap();
        root.versioned.swap(&Path::from(LOCATION), None, text.clone().into()).await.unwrap();
        let refused = keep(&root, &asked(&["app.tenant"]), 0).await.unwrap_err().to_string();
        let (bytes, _) = root.versioned.read(&Path::from(LOCATION)).await.unwrap().unwrap();
        assert_eq!(bytes, text);
        refused
    };
    let of = |number: u32, keys: &[&str]| {
        let columns: Vec<_> =
            keys.iter().map(|key| serde_json::json!({"of": "span", "key": key, "since": 1})).collect();
        serde_json::json!({"schema": SCHEMA, "number": number, "columns": columns}).to_string()
    };
    let cases = [
        ("no JSON", "{".to_owned(), "cannot be read: delete it"),
        ("another format", of(1, &[]).replace("/v1", "/v9"), "is of format `fluo.layout/v9`"),
        ("no number", of(0, &[]), "counted from 1"),
        ("two keys of one column", of(2, &["a.b", "a_b"]), "two of its keys have one column"),
        ("too large", " ".repeat((1 << 20) + 1), "larger than a megabyte"),
    ];
    for (scenario, text, expected) in cases {
        let refused = write(text).await;
        assert!(refused.contains(expected), "{scenario}: {refused}");
    }
}

/// A store that counts what was swapped, and lets others go first.
#[derive(Debug)]
struct Racing {
    inner: Arc<dyn Versioned>,
    swapped: AtomicU32,
    /// Swaps whose answers are lost.
    unanswered: AtomicU32,
}

#[async_trait]
impl Versioned for Racing {
    async fn read(&self, path: &Path) -> Result<Option<(Bytes, Version)>, StoreError> {
        let read = self.inner.read(path).await;
        tokio::task::yield_now().await;
        read
    }

    async fn swap(&self, path: &Path, expected: Option<&Version>, bytes: Bytes) -> Result<Swap, StoreError> {
        let swap = self.inner.swap(path, expected, bytes).await?;
        if swap != Swap::Lost {
            self.swapped.fetch_add(1, Ordering::Relaxed);
        }
        let lost = |left: u32| left.checked_sub(1);
        if self.unanswered.fetch_update(Ordering::Relaxed, Ordering::Relaxed, lost).is_ok() {
            return Err(StoreError::OutcomeUnknown { location: path.clone(), source: "no answer".into() });
        }
        Ok(swap)
    }

    async fn remove(&self, path: &Path) -> Result<(), StoreError> {
        self.inner.remove(path).await
    }
}

fn racing(unanswered: u32) -> (Root, Arc<Racing>) {
    let mut root = Root::in_memory().unwrap();
    let inner = Arc::clone(&root.versioned);
    let racing =
        Arc::new(Racing { inner, swapped: AtomicU32::default(), unanswered: AtomicU32::new(unanswered) });
    root.versioned = Arc::<Racing>::clone(&racing);
    (root, racing)
}

#[tokio::test]
async fn of_evaluators_with_the_same_rules_one_wins() {
    let (root, racing) = racing(0);
    let asked = asked(&["app.tenant"]);
    let kept = join_all((0..4).map(|_| keep(&root, &asked, 0))).await;
    assert_eq!(racing.swapped.load(Ordering::Relaxed), 1);
    let news = kept.iter().filter(|kept| kept.as_ref().unwrap().before.number == 1).count();
    assert_eq!(news, 1, "the others found it done");
    assert_eq!(stored(&root).await.unwrap().number, 2);
}

#[tokio::test]
async fn evaluators_with_different_rules_lose_nothing_of_each_other() {
    let (root, _) = racing(0);
    let (one, other) = (asked(&["app.tenant"]), asked(&["app.cart"]));
    let (first, second) = tokio::join!(keep(&root, &one, 0), keep(&root, &other, 0));
    assert!(first.is_ok() && second.is_ok());
    let both = stored(&root).await.unwrap();
    assert_eq!((added(&both), both.number), (vec!["app.cart", "app.tenant"], 3));
    for day in 0..30 {
        keep(&root, &one, day * DAY).await.unwrap();
        keep(&root, &other, day * DAY).await.unwrap();
    }
    assert_eq!(stored(&root).await.unwrap().number, 3, "no new layouts while they differ");
}

#[tokio::test]
async fn an_answer_that_is_lost_is_looked_for() {
    let (root, racing) = racing(1);
    let kept = keep(&root, &asked(&["app.tenant"]), 0).await.unwrap();
    assert_eq!((kept.before.number, kept.next.layout.number), (1, 2));
    assert_eq!(racing.swapped.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn whoever_writes_files_has_a_layout_however_the_store_is() {
    const MINUTE: i64 = 60_000_000_000;
    let store = Failing::new();
    let mut root = Root::in_memory().unwrap();
    root.store = Arc::<Failing>::clone(&store);
    root.versioned = Arc::new(ConditionalStore::new(Arc::clone(&root.store)));
    for outage in [Outage::Refused, Outage::Denied, Outage::Broken, Outage::Short] {
        keep(&root, &asked(&["app.tenant"]), 0).await.unwrap();
        let known = KnownLayout::default();
        store.outage(Some(outage));
        let (layout, error) = known.current(&root, 0).await;
        assert_eq!((layout, error.is_some()), (Layout::builtin(), true), "{outage:?}: nothing was known yet");
        let (layout, error) = known.current(&root, MINUTE - 1).await;
        assert_eq!((layout, error.is_some()), (Layout::builtin(), false), "{outage:?}: asked once a minute");

        store.outage(None);
        let (layout, error) = known.current(&root, MINUTE).await;
        assert_eq!((layout.number, error.is_some()), (2, false), "{outage:?}: it is over");

        store.outage(Some(outage));
        let (layout, error) = known.current(&root, 3 * MINUTE).await;
        assert_eq!((layout.number, error.is_some()), (2, true), "{outage:?}: the last one that was known");
        store.outage(None);
        root.versioned.remove(&Path::from(LOCATION)).await.unwrap();
        assert_eq!(known.current(&root, 5 * MINUTE).await.0, Layout::builtin());
    }
}

proptest! {
    /// A layout is a layout, whatever is asked for, when and by whom, and its number tells it from all others.
    #[test]
    fn layouts_follow_one_another(
        steps in prop::collection::vec((prop::collection::vec(0..80_usize, 0..60), 0..20_i64), 1..12),
    ) {
        let key = |number: &usize| ["a.b", "a_b", "A.b", "http.route"]
            .get(*number).map_or_else(|| format!("key.{number}"), |key| (*key).to_owned());
        let (mut stored, mut now) = (StoredLayout::built_in(), 0);
        for (keys, days) in steps {
            now += days * DAY;
            let keys: Vec<String> = keys.iter().map(key).collect();
            let asked = asked(&keys.iter().map(String::as_str).collect::<Vec<_>>());
            let next = stored.next(&asked, now);
            prop_assert_eq!(&next, &stored.next(&asked, now));
            prop_assert!(!next.layout.next(&asked, now).is_changed, "a second one does nothing");
            let (before, after) = (stored.layout(), next.layout.layout());
            prop_assert_eq!(before.columns == after.columns, before.number == after.number);
            prop_assert!(after.number >= before.number);
            prop_assert_eq!(after.columns.len(), next.layout.columns.len(), "no two keys have one column");
            prop_assert!(added(&next.layout).len() <= MOST_ADDED);
            prop_assert_eq!(&StoredLayout::decode(&next.layout.encode().unwrap()).unwrap(), &next.layout);
            for attribute in asked.by_rules.keys() {
                let (has, is_left_out) = (next.layout.column(attribute), next.left_out.contains_key(attribute));
                prop_assert!(has.is_some() != is_left_out, "{:?}", attribute);
                prop_assert!(has.is_none_or(|column| column.unasked_since_ms.is_none()));
            }
            let of_all = next.layout.with_former();
            for column in &*before.columns {
                prop_assert_eq!(of_all.column(column.scope, &column.key), Some(column.column.as_str()));
            }
            stored = next.layout;
        }
    }
}
