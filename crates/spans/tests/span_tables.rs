//! Tables of others hold the spans that they were made of.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed")]

use std::ops::ControlFlow;

use fluo_spans::span::Span;
use fluo_spans::{Decoded, Limits, SpanTable, decode_rows};
use fluo_tests::generate;
use fluo_tests::span_table::Member;
use proptest::prelude::*;

fn read(member: Member, spans: &[Span]) -> Decoded {
    let batch = member.batch(spans).unwrap();
    let schema = batch.schema();
    let table = SpanTable::of(schema.fields().iter().map(|field| field.name().as_str())).unwrap();
    let mut decoded = Decoded::default();
    let rest = decode_rows(&table, [Ok(batch)].into_iter(), &Limits::default(), &mut |batch| {
        decoded.spans.extend(batch.spans);
        decoded.mended.merge(batch.mended);
        ControlFlow::Continue(())
    });
    let rest = rest.unwrap();
    decoded.set_aside = rest.set_aside;
    decoded
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_member_holds_the_spans_that_it_was_made_of(spans in generate::spans::universe()) {
        for member in Member::ALL {
            let read = read(member, &spans);
            let kept: Vec<Span> = spans.iter().map(|span| member.kept(span)).collect();
            prop_assert_eq!(&read.spans, &kept, "{:?}", member);
            prop_assert!(read.mended.is_empty(), "{:?}: {:?}", member, read.mended);
            prop_assert!(read.set_aside.is_empty(), "{:?}: {:?}", member, read.set_aside);
        }
    }
}
