//! Objects that nobody reads any more.
//!
//! Readers list, and then read for a while; so everything that could have been read stays for an hour after it was
//! replaced. Objects that are deleted, and the reason for which nobody can need them:
//!
//! | object | is deleted once |
//! | --- | --- |
//! | a file that ingest wrote | an output that lies there whole has its content, since an hour |
//! | an output and its origins | the generation that they were made for is another one's |
//! | a sidecar | a newer one has been there for an hour |
//!
//! A run that stands still for hours and then goes on can publish nothing: the generation that it made files for is
//! taken before these are deleted.

use std::collections::{BTreeMap, BTreeSet};

use object_store::path::Path;

use super::origins::Origins;
use super::publish::is_whole;
use super::sidecar::{Output, Sidecar};
use crate::data_file::DataFile;
use crate::found::{Beside, Found};
use crate::names::{Content, DataFileName, Hour};

/// Milliseconds that a replaced object stays: an evaluation takes less.
pub(super) const STAYS_MS: i64 = 3_600_000;

/// The objects of an hour that may be deleted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Leftovers {
    /// Files that ingest wrote.
    pub(super) files: Vec<Path>,
    /// All else.
    pub(super) others: Vec<Path>,
    /// True if files of the next generation lie there since long: it is to be taken before they are deleted.
    pub(super) take_next: bool,
}

/// Finds what may be deleted of an hour by now. `current`: its newest sidecar; `generation`: the highest of any.
pub(super) fn leftovers(found: &Found, current: Option<&Sidecar>, generation: u32, now_ms: i64) -> Leftovers {
    let is_old = |ms: i64| ms <= now_ms.saturating_sub(STAYS_MS);
    let mut leftovers = Leftovers::default();
    let outputs: &[Output] = current.map_or(&[], |current| &current.outputs);
    let in_force: BTreeSet<&str> = outputs.iter().map(|output| output.name.as_str()).collect();
    let mut replaced: BTreeMap<(Hour, Content), i64> = BTreeMap::new();
    for output in outputs.iter().filter(|output| is_whole(output, &found.compacted)) {
        for name in output.files.iter().filter_map(|file| DataFileName::parse(&file.name)) {
            replaced.insert((name.hour(), name.content), output.at_ms);
        }
    }
    for file in &found.files {
        let since = file.name.as_ref().and_then(|name| replaced.get(&(name.hour(), name.content)));
        if since.is_some_and(|since| is_old(*since)) && is_old(file.last_modified_ms) {
            leftovers.files.push(file.location.clone());
        }
    }
    let mut useless = |name: Option<&str>, location: &Path, modified_ms: i64| {
        let Some(name) = name.filter(|name| !in_force.contains(name)) else { return };
        let of = DataFileName::parse(name).and_then(|name| name.compacted);
        match of {
            Some(of) if is_old(modified_ms) && of <= generation => {
                leftovers.others.push(location.clone());
            }
            Some(_) if is_old(modified_ms) => leftovers.take_next = true,
            _ => {}
        }
    };
    for DataFile { location, last_modified_ms, .. } in &found.compacted {
        useless(location.filename(), location, *last_modified_ms);
    }
    for Beside { location, last_modified_ms } in &found.origins {
        let file = location.filename().and_then(Origins::file_of);
        useless(file.as_deref(), location, *last_modified_ms);
    }
    let of_sidecar = |beside: &Beside| Sidecar::generation_of(beside.location.filename()?);
    let newest = current.map(|current| current.generation);
    let newest_is_old = found
        .sidecars
        .iter()
        .any(|beside| of_sidecar(beside) == newest && newest.is_some() && is_old(beside.last_modified_ms));
    if newest_is_old {
        let older = found.sidecars.iter().filter(|beside| of_sidecar(beside) < newest);
        leftovers.others.extend(older.map(|beside| beside.location.clone()));
    }
    leftovers
}
