//! Panes: sums of a rule's spans by group and cell of time, kept from one evaluation to the next.
//!
//! ```text
//! window   (───────────────────────────────────────────────]
//! panes    ▕▏▕▏▕▏▕▏▕    hour    ▏▕    hour    ▏▕▏▕▏▕▏▕▏▕▏▕▏▏
//!          └─ known: of the same files        ── new: read ─┘
//! ```
//!
//! A pane is a function of a rule and of the files that hold spans of its cell, and is known under both: where a file
//! comes late, is replaced, or turns out to be damaged, the panes of its times are made again, and no others. So panes
//! may be lost at any moment: what is found stays the same, and more is read.

mod contents;
mod stored;
mod windows;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard};

pub use contents::Contents;
pub use stored::{StoredPanesError, is_stored};
pub(crate) use windows::{Hours, Sums, Windows, by_cell};

use contents::Held;

use crate::pass::{Cells, Summed};
use crate::rows::Group;
use fluo_store::guard::locked;

/// Panes of any rules over the files of one store.
#[derive(Default)]
pub struct Panes {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    rules: BTreeMap<Key, OfCells>,
    /// The present evaluation.
    turn: u64,
    /// Hours whose cells were joined, of rules whose panes are stored, since they were stored last.
    joined: BTreeSet<i64>,
}

/// A rule's cells of one size.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// The hash of what decides.
    rule: String,
    /// Nanoseconds.
    size: i64,
    /// They say when groups were seen, and nothing else.
    seen: bool,
}

/// The panes of a rule's cells.
#[derive(Default)]
struct OfCells {
    panes: BTreeMap<i64, Pane>,
    /// The evaluation that looked for them last.
    used: u64,
    /// They outlive the process.
    stored: bool,
}

/// The sums of the spans of a cell.
struct Pane {
    of: Held,
    sums: BTreeMap<Group, Summed>,
    /// The evaluation that used it last.
    used: u64,
}

/// Panes, and the files that a look is over.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    /// The panes.
    pub panes: &'a Panes,
    /// The files.
    pub contents: &'a Contents,
}

/// The panes of one rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OfRule<'a> {
    pub(crate) known: Known<'a>,
    /// The hash of what decides.
    pub(crate) hash: &'a str,
    /// They say when groups were seen, and nothing else.
    pub(crate) seen: bool,
    /// They outlive the process.
    pub(crate) stored: bool,
}

impl fmt::Debug for Panes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Panes").field("rules", &self.kept().rules.len()).finish_non_exhaustive()
    }
}

impl Panes {
    /// Begins an evaluation of rules, given by the hashes of what decides them: of each, what its last look did not use is
    /// dropped; of others, everything.
    pub fn begin(&self, rules: &BTreeSet<&str>) {
        let mut kept = self.kept();
        kept.turn += 1;
        kept.rules.retain(|key, _| rules.contains(key.rule.as_str()));
        for OfCells { panes, used, .. } in kept.rules.values_mut() {
            panes.retain(|_, pane| pane.used == *used);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        locked(&self.kept)
    }
}

impl OfRule<'_> {
    /// Adds the panes of cells that are known to `sums`, and returns the other cells in which spans lie.
    pub(crate) fn fill(&self, cells: Cells, wanted: impl Iterator<Item = i64>, sums: &mut Sums) -> Vec<i64> {
        let mut kept = self.known.panes.kept();
        let turn = kept.turn;
        let mut known = kept.rules.get_mut(&self.key(cells));
        if let Some(known) = &mut known {
            known.used = turn;
        }
        let mut missing = Vec::new();
        for cell in wanted {
            let Some(held) = self.known.contents.within(cells.range(cell)) else { continue };
            let pane = known.as_mut().and_then(|known| known.panes.get_mut(&cell));
            match pane.filter(|pane| pane.of == held) {
                Some(pane) => {
                    pane.used = turn;
                    sums.add(cell, &pane.sums);
                }
                None => missing.push(cell),
            }
        }
        missing
    }

    /// Keeps the sums of a cell.
    pub(crate) fn keep(&self, cells: Cells, cell: i64, sums: BTreeMap<Group, Summed>) {
        let Some(of) = self.known.contents.within(cells.range(cell)) else { return };
        let mut kept = self.known.panes.kept();
        let turn = kept.turn;
        let known = kept.rules.entry(self.key(cells)).or_default();
        known.used = turn;
        known.stored = self.stored;
        known.panes.insert(cell, Pane { of, sums, used: turn });
        if cells == Hours::CELLS && known.stored {
            kept.joined.insert(cell);
        }
    }

    fn key(&self, cells: Cells) -> Key {
        Key { rule: self.hash.to_owned(), size: cells.size, seen: self.seen }
    }
}
