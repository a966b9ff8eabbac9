//! `annotations:` and `labels:`: texts, each a template that must parse.

use std::collections::BTreeMap;

use super::{Report, shape};
use crate::diagnostic::Hint;
use crate::template::{self, Names};
use crate::yaml::{Entry, locate};

/// A mapping of templates, in a rule with these names.
pub(super) fn templates(
    report: &mut Report,
    entry: &Entry,
    names: &Names<'_>,
) -> Option<BTreeMap<String, String>> {
    let errors = report.errors();
    let texts = shape::text_map(report, entry);
    for inner in entry.value.entries().unwrap_or_default() {
        let Some(text) = inner.value.scalar_text(&report.text()).map(str::to_owned) else { continue };
        for problem in template::check(&text, names) {
            let place = locate(&report.text(), &inner.value.at, &text, &problem.at);
            match place {
                Some(place) if inner.value.alias.is_none() => {
                    report.add(problem.code, place, problem.message).hint = problem.hint;
                }
                _ => {
                    report.value(problem.code, inner, problem.message).hint =
                        problem.hint.map(Hint::without_edit);
                }
            }
        }
    }
    texts.filter(|_| report.errors() == errors)
}
