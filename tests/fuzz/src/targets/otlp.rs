//! OTLP in all encodings, to Arrow.

use fluo_spans::{Limits, decode};

use crate::target::{Form, Target};

pub(crate) const TARGET: Target = Target {
    name: "otlp",
    form: Form::Otlp,
    run: |input| {
        if let Ok(decoded) = decode(input, &Limits::default()) {
            for span in &decoded.spans {
                assert!(span.end_ns > 0, "a span that ended at {} was not set aside", span.end_ns);
                assert!(span.start_ns <= span.end_ns, "a span that began after its end was not mended");
            }
        }
    },
    seeds: &["tests/fixtures"],
    endings: &[".otlp.json", ".pb", ".json.gz", ".binpb.zst", ".json", ".binpb", "framed"],
    examples: &["{}", "[]", r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}"#],
    words: &[],
};
