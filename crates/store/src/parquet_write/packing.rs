//! The work that goes into making a data file small.

/// A measure of that work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Zstandard: for files that are kept.
    Small,
    /// None: for files that are read once and forgotten, of which compression would be most of the work.
    Quick,
}
