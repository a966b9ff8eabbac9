//! Hostile input by the million: everything that reads what others wrote, and what it must survive.
//!
//! ```text
//!  seeds ─ choose ─▶ one input ─ mutate ─▶ hostile input ─ target ─▶ sound, or a finding
//!    ▲                  │                        │
//!    └ the repository's own files                └ kept in corpus/ where it once was a finding
//! ```
//!
//! | module | does |
//! | --- | --- |
//! | [`target`] | names, seeds and code of what is tried |
//! | [`targets`] | one file a target |
//! | [`mutate`] | an input → another one, by the form that it has |
//! | [`input`] | (target, seed, number) → an input: the same on every machine |
//! | [`attempt`] | one input → what it cost, and whether the target survived |
//! | [`worker`] | a process that tries one input after another |
//! | [`supervisor`] | starts workers, sees them die or hang, and keeps what killed them |
//!
//! An input is hostile in form, not in intent: it need not be sensible. A target must neither panic, nor overflow a
//! stack of two mebibytes, nor take more memory or time than [`attempt::Limits`] allow. Some targets also know what is
//! true of every input (a rule that loads must load again from its own text) and panic where it is not.

pub mod attempt;
pub mod input;
pub mod mutate;
pub mod supervisor;
pub mod target;
pub mod targets;
pub mod worker;
