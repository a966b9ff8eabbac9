//! Span tables of others, to data files.

use bytes::Bytes;
use fluo_spans::layout::Layout;
use fluo_store::{IngestOptions, StoreError, Written, ingest_object};
use object_store::memory::InMemory;
use object_store::path::Path;

use crate::target::{Form, Target};

/// 2026-11-22T12:00:00Z
const WRITTEN: Written = Written::At(1_795_348_800_000);

pub(crate) const TARGET: Target = Target {
    name: "span_table",
    form: Form::Binary,
    run: |input| {
        // A runtime that cannot be made is a machine that cannot try anything.
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
        let (store, root, layout) = (InMemory::new(), Path::from("spans"), Layout::builtin());
        let (table, options) = (Bytes::copy_from_slice(input), IngestOptions::default());
        let ingested = runtime.block_on(ingest_object(&store, &root, table, WRITTEN, &layout, &options));
        // What panics does so on a thread of its own.
        assert!(!matches!(ingested, Err(StoreError::Interrupted(_))), "{ingested:?}");
    },
    seeds: &["tests/fixtures/span_tables"],
    endings: &[".parquet"],
    examples: &["PAR1"],
    words: &[],
};
