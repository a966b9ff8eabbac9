//! A language server for rule files, tests, silences and `fluo.yml`: `fluo lsp`.
//!
//! ```text
//!  didOpen, didChange ─▶ text ─▶ project ─ check again what changed ─▶ findings ─▶ diagnostics
//!  hover, completion ──▶ outline of the text, up to the cursor ─▶ what may stand there ─▶ answers
//!  a store's spans ────▶ vocabulary: services, names, attributes ────┘
//! ```
//!
//! | module | does |
//! | --- | --- |
//! | `server` | messages in, messages out |
//! | `workspace` | which files belong together; their texts as the editor has them, over those on the disk |
//! | `text`, `uri` | positions and addresses, as the protocol counts and writes them |
//! | `outline` | where a byte stands, also in a text that does not parse |
//! | `diagnostics`, `actions` | findings, and the edits that their hints ask for |
//! | `completion`, `hover`, `symbols`, `definition` | answers |
//! | `vocabulary` | spans → what is completed of them |
//!
//! The state does no I/O of its own: files come from a [`Disk`], messages through a connection, and a vocabulary from
//! whoever reads a store meanwhile.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that panics has failed"))]

mod actions;
mod completion;
mod definition;
mod diagnostics;
mod disk;
mod error;
mod hover;
mod outline;
mod server;
mod symbols;
mod text;
mod uri;
mod vocabulary;
mod workspace;

pub use disk::Disk;
pub use error::LspError;
pub use lsp_server::Connection;
pub use server::{Asked, Started, serve};
pub use vocabulary::Vocabulary;
