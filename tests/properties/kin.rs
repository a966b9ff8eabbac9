//! Rules that ask for the parents and children of spans: engine against reference, whatever the layout, the files and their
//! order, and whatever other rules are judged with them.

use fluo_tests::generate::{self, arrival, kin, traces};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::engine::{check, check_stored};
use crate::traces::check_together;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rules_about_kin_agree_with_the_reference(case in kin::case()) {
        check(&case, std::slice::from_ref(&case.spans), 0)?;
    }

    #[test]
    fn files_redeliveries_order_and_layouts_change_nothing(
        (case, files) in arrival::delivered(kin::case()),
        first_layout in 0_usize..3,
    ) {
        check(&case, &files, first_layout)?;
        check_stored(&case, &files, first_layout)?;
    }

    #[test]
    fn rules_that_are_judged_together_find_what_each_finds_alone(
        spans in traces::universe(),
        of_kin in vec((kin::rule(), traces::range()), 1..5),
        of_spans in vec((generate::rules::rule(), traces::range()), 0..3),
        of_traces in vec((traces::rules::rule(), traces::range()), 0..2),
    ) {
        let rules = of_kin.into_iter().chain(of_spans).chain(of_traces);
        check_together(rules, &spans)?;
    }
}
