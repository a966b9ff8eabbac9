//! Rules that adjust for sampling: engine against reference, whatever the layout, the files and their order.

use fluo_tests::generate::{self, arrival, kin, limits, sampling};
use proptest::prelude::*;

use crate::engine::check;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rules_that_adjust_for_sampling_agree_with_the_reference(
        case in sampling::in_case(generate::case()),
    ) {
        check(&case, std::slice::from_ref(&case.spans), 0)?;
    }

    #[test]
    fn so_do_rules_that_ask_for_parents(case in sampling::in_case(kin::case())) {
        check(&case, std::slice::from_ref(&case.spans), 0)?;
    }

    #[test]
    fn so_do_rules_with_limits_by_group(case in sampling::in_case(limits::case())) {
        check(&case, std::slice::from_ref(&case.spans), 0)?;
    }

    #[test]
    fn files_redeliveries_order_and_layouts_change_nothing(
        (case, files) in arrival::delivered(sampling::in_case(generate::case())),
        first_layout in 0_usize..3,
    ) {
        check(&case, &files, first_layout)?;
    }
}
