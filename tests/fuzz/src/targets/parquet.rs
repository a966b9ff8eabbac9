//! Data files, to what rules find in them.
//!
//! Seeds are files of the time before files were sealed: a seal would refuse every change at the first look.

use fluo_alerts::escape::chain;
use fluo_engine::{DataFiles, EngineError, LeftOut, Range, SpanSource, evaluate, session, without_faulty};
use fluo_plan::RulePlan;
use fluo_rules::{SourceFile, load};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::sync::Arc;

use crate::target::{Form, Target};

/// Rules that together read every kind of column.
const RULES: &str = "
- {name: errors, span: {status: error}, group_by: [service_name, http.route], condition: count > 3}
- {name: slow, span: {kind: server}, aggregation: {p: {p95: duration}}, every: 1m, condition: p > 10ms}
- {name: exceptions, span: {event: {name: exception}}, group_by: [service_name], condition: count > 1}
";

pub(crate) const TARGET: Target = Target {
    name: "parquet",
    form: Form::Binary,
    run: |input| {
        // A runtime that cannot be made is a machine that cannot try anything.
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
        runtime.block_on(judge(input.to_vec()));
    },
    seeds: &["tests/fixtures/damaged"],
    endings: &[".parquet"],
    examples: &["PAR1"],
    words: &[],
};

async fn judge(file: Vec<u8>) {
    let store = Arc::new(InMemory::new());
    let name = Path::from("spans/date=2026-11-22/hour=12/other.parquet");
    assert!(store.put(&name, file.into()).await.is_ok(), "memory takes everything");
    let store: Arc<dyn ObjectStore> = store;
    let session = session();
    let files = DataFiles::new(store);
    let Ok(opened) = files.below(&Path::from("spans")).await else { return };
    let mut source = opened.source;
    for rule in load(&[SourceFile::new("rules.yml", RULES)]).rules {
        let Ok(plan) = RulePlan::new(Arc::new(rule)) else { continue };
        let mut left_out: Vec<LeftOut> = Vec::new();
        let look = async |source: &SpanSource| evaluate(&session, &plan, source, Range::default()).await;
        let found = without_faulty(&mut source, &mut left_out, look).await;
        // A limit of the rule may be met; whatever else goes wrong is the file's.
        let is_limit = |error: &EngineError| {
            matches!(
                error,
                EngineError::Memory(_)
                    | EngineError::GroupOverflow { .. }
                    | EngineError::TooManyWindows { .. }
                    | EngineError::TooManyMoments { .. }
            )
        };
        if let Err(error) = found {
            assert!(is_limit(&error), "{}", chain(&error));
        }
    }
}
