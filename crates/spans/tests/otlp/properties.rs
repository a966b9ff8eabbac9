//! Laws: both encodings of any request are the same spans; no bytes make the decoder panic, hang, or
//! grow; every span that goes in comes out or is counted.

use fluo_spans::{Decoded, Limits};
use proptest::prelude::*;

use super::encoder::{Resource, json, protobuf, requests};
use super::samples::fixture;

fn limits() -> Limits {
    Limits { max_bytes: 1 << 20, ..Limits::default() }
}

fn decoded(bytes: &[u8]) -> Decoded {
    fluo_spans::decode(bytes, &limits()).unwrap()
}

fn count(resources: &[Resource]) -> u64 {
    resources.iter().flat_map(|resource| &resource.scopes).map(|scope| scope.spans.len() as u64).sum()
}

fn samples() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec![
        "plain_auth_401.pb",
        "plain_auth_401.otlp.json",
        "flask_old_semconv.pb",
        "collector/file/file_exporter.json",
        "collector/file/file_exporter.binpb",
        "collector/file/file_exporter.json.zst-framed",
    ])
    .prop_map(fixture)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn both_encodings_of_a_request_are_the_same_spans(request in requests()) {
        let from_protobuf = decoded(&protobuf(&request));
        let from_json = decoded(json(&request).as_bytes());
        prop_assert_eq!(&from_protobuf, &from_json);
        prop_assert_eq!(from_json.spans.len() as u64 + from_json.set_aside.total(), count(&request));
    }

    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = fluo_spans::decode(&bytes, &limits());
    }

    #[test]
    fn any_json_like_text_is_judged(text in "[\\[\\]{}\":,0-9a-z\\\\ \n]{0,80}") {
        let _ = fluo_spans::decode(text.as_bytes(), &limits());
        let spans = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{text}]}}]}}]}}"#);
        let _ = fluo_spans::decode(spans.as_bytes(), &limits());
    }

    #[test]
    fn mutated_samples_are_judged(
        mut bytes in samples(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::weighted(0.3, any::<prop::sample::Index>()),
    ) {
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if let Ok(decoded) = fluo_spans::decode(&bytes, &limits()) {
            for span in &decoded.spans {
                prop_assert!(span.end_ns > 0 && span.start_ns <= span.end_ns);
                prop_assert!(span.trace_id != [0; 16] && span.span_id != [0; 8]);
            }
        }
    }

    #[test]
    fn a_cut_off_request_is_never_taken_for_a_whole_one(request in requests(), cut in any::<prop::sample::Index>()) {
        for bytes in [protobuf(&request), json(&request).into_bytes()] {
            let cut = &bytes[..cut.index(bytes.len() + 1)];
            if let Ok(read) = fluo_spans::decode(cut, &limits()) {
                // Only at a boundary between resources, or before the first byte.
                prop_assert!(read.spans.len() as u64 + read.set_aside.total() <= count(&request));
                prop_assert!(cut.is_empty() || cut.len() == bytes.len() || cut[0] == 0x0a);
            }
        }
    }

    #[test]
    fn a_changed_span_costs_no_neighbour(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        use super::encoder::{Span, protobuf_of_spans, span_protobuf};
        let good = |name: &str| span_protobuf(&Span::good(name));
        let mut changed = good("changed");
        let at = at.index(changed.len());
        changed[at] = byte;
        let read = decoded(&protobuf_of_spans(&[good("before"), changed, good("after")]));
        prop_assert_eq!(read.spans.len() as u64 + read.set_aside.total(), 3);
        prop_assert_eq!(read.spans.first().map(|span| span.name.as_str()), Some("before"));
        prop_assert_eq!(read.spans.last().map(|span| span.name.as_str()), Some("after"));
    }
}
