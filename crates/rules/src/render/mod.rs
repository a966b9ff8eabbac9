//! Findings as people and machines want them: one file per output format.
//!
//! | format | for |
//! | --- | --- |
//! | [`human`] | a terminal |
//! | [`json`] | scripts |
//! | [`sarif`] | code scanning |
//! | [`github`] | annotations in a pull request |

pub mod github;
pub mod human;
pub mod json;
pub mod sarif;
