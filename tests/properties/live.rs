//! An evaluator over a store, tick by tick, and what it leaves there.

use std::sync::Arc;

use fluo_alerts::life_cycle::Mutes;
use fluo_evaluator::arrivals::Live;
use fluo_evaluator::request::Request;
use fluo_evaluator::{Deployed, Evaluator, Host, Stop, Ticked, tick};
use fluo_rules::SourceFile;
use fluo_store::Root;
use fluo_store::records::read_violations;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

/// The spans of a store, as they lie there now.
pub(crate) fn live(root: &Root) -> Live {
    Live { store: Arc::clone(&root.store), spans: Path::from("spans") }
}

/// Ticks once, at the time that is asked for.
pub(crate) async fn ticked(
    root: &Root,
    evaluator: &Evaluator,
    files: &[SourceFile],
    request: Request,
) -> Ticked {
    let now = || request.eval_time;
    let host = Host {
        root,
        sinks: &[],
        clock: &now,
        nonce: "live",
        deadline: None,
        stop: &Stop::default(),
        evaluated: &|_| {},
    };
    let deployed = Deployed { rules: files, mutes: Mutes { silenced: &|_| None } };
    tick(evaluator, &live(root), deployed, host, request).await.unwrap()
}

/// The records that lie in the store.
pub(crate) async fn stored(root: &Root) -> Vec<String> {
    let objects: Vec<_> = root.store.list(Some(&Path::from("violations"))).try_collect().await.unwrap();
    let mut lines = Vec::new();
    for object in objects {
        let bytes = root.store.get(&object.location).await.unwrap().bytes().await.unwrap();
        lines.extend(read_violations(bytes).unwrap().into_iter().map(|row| row.record));
    }
    lines.sort();
    lines
}
