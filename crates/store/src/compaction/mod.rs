//! Many small files of an hour become few large ones, and every span counts once all the while.
//!
//! ```text
//! hour=11/ a.parquet b.parquet c.parquet …             what ingest wrote
//!          d-c1.parquet  _origins-d-c1.json.zst        1  the same spans, in one file; nobody reads it yet
//!          _compacted-1.json.zst                       2  says so: from now on d is read, and a, b, c are not
//!          (a, b, c are deleted)                       3  an hour later, by a later run
//! ```
//!
//! The hour's list of replaced files is its *sidecar*. It is written once, as the hour's next generation, and only if
//! nobody wrote that generation before: that one write decides. A run that is cut off before it leaves files that
//! nobody reads, and a run that lost it has done nothing. Each generation names all outputs that count, so that the
//! newest sidecar is all that a reader needs.
//!
//! A compacted file never arrives. Readers are given the replaced files as if they still lay there, each *within* its
//! compacted one ([`crate::Within`]): what was seen stays seen, an alert still names the files that it was made of, a replay
//! still knows when each arrived. Which row came from which file is in the origins beside the output; only those who
//! want some of the files ask.
//!
//! | module | input → output |
//! | --- | --- |
//! | [`sidecar`] | what was replaced by what ↔ an object |
//! | [`origins`] | the files that each row of an output came from ↔ an object |
//! | `resolve` | what lies in an hour's folder → the files that count |
//! | `plan` | the files of an hour → those that are worth merging, in portions |
//! | `rows`, `read`, `merge` | the files of a portion → the bytes of one file, and its origins |
//! | `publish` | a merged portion → the hour's next generation, unless somebody was faster |
//! | `clean` | an hour → what nobody reads any more |
//! | `run` | hours → what was done |

mod clean;
mod merge;
pub mod origins;
mod plan;
mod publish;
mod read;
pub(crate) mod resolve;
mod rows;
mod run;
pub mod sidecar;

use origins::Origins;
pub use plan::Sizes;
pub(crate) use read::batches;
pub use resolve::Replacements;
pub use run::{Compacted, HourReport, Options, Skipped, compact, compact_hour, hours_with_files};
use sidecar::Sidecar;

/// Returns whether an object of this name says something of the data files beside it, and holds no spans itself.
pub fn is_beside_files(name: &str) -> bool {
    Sidecar::generation_of(name).is_some() || Origins::file_of(name).is_some()
}
