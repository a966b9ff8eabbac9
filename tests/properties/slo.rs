//! Service level objectives: engine against reference, whatever the layout, the files and their order, and whatever other
//! rules are judged with them.

use fluo_tests::generate::{self, arrival, slo};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::engine::check;
use crate::traces::check_together;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn objectives_agree_with_the_reference(case in slo::case()) {
        check(&case, std::slice::from_ref(&case.spans), 0)?;
    }

    #[test]
    fn files_redeliveries_order_and_layouts_change_nothing(
        (case, files) in arrival::delivered(slo::case()),
        first_layout in 0_usize..3,
    ) {
        check(&case, &files, first_layout)?;
    }

    #[test]
    fn objectives_find_together_with_others_what_each_finds_alone(
        spans in slo::universe(),
        objectives in vec((slo::rule(), slo::range()), 1..4),
        of_spans in vec((generate::rules::grid_rule(), slo::range()), 0..3),
    ) {
        check_together(objectives.into_iter().chain(of_spans), &spans)?;
    }
}
