//! The ways in which spans reach the bucket: in any order, in any number of files.

use fluo_spans::span::Span;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy};

use super::Case;

/// The spans in random order, split into one to five files, some of which may be empty.
///
/// A rule's answer about the files must not depend on any of this.
pub fn files(spans: Vec<Span>) -> impl Strategy<Value = Vec<Vec<Span>>> {
    let length = spans.len();
    (Just(spans).prop_shuffle(), vec(0..=length, 0..5)).prop_map(|(spans, mut cuts)| {
        cuts.sort_unstable();
        cuts.push(spans.len());
        let mut start = 0;
        cuts.into_iter()
            .map(|cut| {
                let file = spans[start..cut].to_vec();
                start = cut;
                file
            })
            .collect()
    })
}

/// Cases, each with its spans as [`files`], some of which are delivered a second time.
pub fn delivered(case: impl Strategy<Value = Case>) -> impl Strategy<Value = (Case, Vec<Vec<Span>>)> {
    case.prop_flat_map(|case| {
        let files = redelivered_files(case.spans.clone());
        (Just(case), files)
    })
}

/// As [`files`], with some files delivered a second time, as collectors do that retry.
pub fn redelivered_files(spans: Vec<Span>) -> impl Strategy<Value = Vec<Vec<Span>>> {
    (files(spans), vec(proptest::bool::weighted(0.3), 5)).prop_map(|(files, again)| {
        let repeated: Vec<Vec<Span>> =
            files.iter().zip(again).filter(|(_, again)| *again).map(|(file, _)| file.clone()).collect();
        files.into_iter().chain(repeated).collect()
    })
}
