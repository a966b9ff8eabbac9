//! A rule as one SQL statement that people can read, and run in DataFusion alone.
//!
//! It gives the moments at which the rule's condition holds, with group and values, over everything in the table
//! `spans`. The expressions inside are printed from the same trees that are evaluated, never pasted from the rule's
//! text. What SQL cannot say is noted in `crate::spelled`; where copies of a span differ, the statement keeps any of them.

mod aggregates;
mod condition;
mod dialect;
mod statement;

pub use statement::{has_form, statement};
