//! Files of whatever layouts, side by side or merged into a file of yet another: the answers are those over files of the
//! built-in one alone.

use std::sync::Arc;

use fluo_engine::{DataFiles, Observed, Range};
use fluo_evaluator::layout::asked;
use fluo_plan::attributes_read;
use fluo_spans::layout::Layout;
use fluo_spans::span::Span;
use fluo_store::compaction::{Options, Sizes, compact};
use fluo_store::layouts::{Attribute, StoredLayout};
use fluo_store::{Hour, Root};
use fluo_tests::generate::{self, Case, arrival};
use object_store::path::Path;
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::TestCaseError;

use crate::block_on;
use crate::compaction::observed;
use crate::engine::{layouts, write_in};

/// All attributes of some spans, and those that a rule reads.
fn attributes(spans: &[Span], case: &Case) -> Vec<Attribute> {
    let all =
        layouts(spans)[2].columns.iter().map(|column| (column.scope, column.key.clone())).collect::<Vec<_>>();
    all.into_iter().chain(attributes_read(&case.rule)).collect()
}

/// The layout that a choice among attributes makes.
fn chosen(number: u32, attributes: &[Attribute], choice: &[Index]) -> Layout {
    let some = choice.iter().filter(|_| !attributes.is_empty()).map(|index| index.get(attributes).clone());
    Layout::new(number, some)
}

async fn written(files: &[Vec<Span>], layout_of: impl Fn(usize) -> Layout) -> Root {
    let root = Root::in_memory().unwrap();
    write_in(&root, &Path::from("spans"), files, layout_of).await;
    root
}

async fn found(root: &Root, case: &Case) -> Result<Vec<Observed>, String> {
    let data = DataFiles::with_small_files(Arc::clone(&root.store), 0);
    let opened = data.below(&Path::from("spans")).await.unwrap();
    assert!(opened.faults.is_empty(), "{:?}", opened.faults);
    observed(case, &opened.source, Range { from: case.range.from, to: case.range.to }).await
}

/// Merges all files into one of a layout.
async fn merged(root: &Root, layout: Layout) {
    let options =
        Options { now_ns: i64::MAX, before_ns: i64::MAX, dry_run: false, sizes: Sizes::default(), layout };
    let hours = Hour::of_ns(0)..=Hour::of_ns(i64::MAX);
    let done = compact(root, &Path::from("spans"), hours, &options, &|| true).await.unwrap();
    assert!(done.failed.is_empty(), "{:?}", done.failed);
}

async fn check(
    case: &Case,
    files: &[Vec<Span>],
    choices: &[Vec<Index>],
    target: &[Index],
) -> Result<(), TestCaseError> {
    let all: Vec<Span> = files.iter().flatten().cloned().collect();
    let attributes = attributes(&all, case);
    let expected = found(&written(files, |_| Layout::builtin()).await, case).await;
    let layout_of = |number: usize| {
        let choice = number % choices.len();
        chosen(u32::try_from(choice).unwrap() + 2, &attributes, &choices[choice])
    };
    let root = written(files, layout_of).await;
    prop_assert_eq!(&found(&root, case).await, &expected, "side by side");
    merged(&root, chosen(9, &attributes, target)).await;
    prop_assert_eq!(&found(&root, case).await, &expected, "merged");

    // As they are when a rule is deployed: some files of before, some of after.
    let deployed = StoredLayout::built_in().next(&asked([&case.rule]), 0).layout.layout();
    let of_deployment =
        |number: usize| if number < files.len() / 2 { Layout::builtin() } else { deployed.clone() };
    prop_assert_eq!(&found(&written(files, of_deployment).await, case).await, &expected, "deployed");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn any_layouts_among_the_files_of_a_store_give_the_same_answers(
        (case, files) in arrival::delivered(generate::case()),
        choices in prop::collection::vec(prop::collection::vec(any::<Index>(), 0..6), 1..4),
        target in prop::collection::vec(any::<Index>(), 0..6),
    ) {
        block_on(check(&case, &files, &choices, &target))?;
    }
}
