//! Rules with limits by group: engine against reference, whatever the layout, the files and their order, and the printed
//! SQL in DataFusion alone.

use fluo_tests::generate::traces::across;
use fluo_tests::generate::{arrival, kin, limits, slo, traces};
use proptest::prelude::*;

use crate::engine::check;
use crate::printed_sql::check_printed;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rules_with_limits_agree_with_the_reference(case in limits::case()) {
        check(&case, std::slice::from_ref(&case.spans), 0)?;
    }

    #[test]
    fn files_redeliveries_order_and_layouts_change_nothing(
        (case, files) in arrival::delivered(limits::case()),
        first_layout in 0_usize..3,
    ) {
        check(&case, &files, first_layout)?;
    }

    #[test]
    fn rules_about_traces_with_limits_agree_with_the_reference(case in limits::in_case(traces::case())) {
        check(&case, std::slice::from_ref(&case.spans), 0)?;
    }

    #[test]
    fn rules_across_traces_with_limits_agree_with_the_reference(case in limits::in_case(across::case())) {
        check(&case, std::slice::from_ref(&case.spans), 0)?;
    }

    #[test]
    fn rules_about_parents_with_limits_agree_with_the_reference(case in limits::in_case(kin::case())) {
        check(&case, std::slice::from_ref(&case.spans), 0)?;
    }

    #[test]
    fn objectives_with_limits_agree_with_the_reference(case in limits::in_case(slo::case())) {
        check(&case, std::slice::from_ref(&case.spans), 0)?;
    }

    #[test]
    fn the_printed_sql_selects_the_holding_moments(case in limits::case(), layout in 0_usize..3) {
        check_printed(&case, layout)?;
    }
}
