//! The store in memory that tests of the evaluator use.

use std::sync::Arc;

use fluo_store::ConditionalStore;
use object_store::memory::InMemory;
use object_store::path::Path;

use crate::contract::{Opened, contract};

fn open(name: &str) -> Opened<()> {
    let store = Arc::new(ConditionalStore::new(Arc::new(InMemory::new())));
    Opened { store, root: Path::from(name), _guard: () }
}

contract!(open);
