//! Parts of the language that are recognised, and refused where they stand.
//!
//! Refusing is not ignoring: a rule that uses one of these is an error, never a rule that means something
//! else. Each refusal is a function of its own, called from where the reading of that part belongs.

use super::Report;
use crate::diagnostic::Code;
use crate::yaml::Entry;

/// `slo:` in place of `span:`.
pub(super) fn rule_kind(report: &mut Report, entry: &Entry) {
    let message = format!("service level objectives (`{}`) are not supported yet", entry.key);
    report
        .add(Code::NotSupportedYet, entry.key_at.clone(), message)
        .hint("this version evaluates `span`, `trace` and `sql` rules");
}
