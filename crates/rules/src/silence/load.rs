//! The driver: `silences.yml` files to silences and findings.

use std::collections::BTreeMap;

use super::Silence;
use super::written::Written;
use crate::check;
use crate::diagnostic::{Finding, in_order};
use crate::document;
use crate::rule::Rule;
use crate::source_file::SourceFile;

/// The content of the files.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loaded {
    /// The silences that are sound, in the order of files and places.
    pub silences: Vec<Silence>,
    /// Everything that is wrong or doubtful, sorted by file (in the order given) and place.
    pub findings: Vec<Finding>,
    /// The matchers of each, with the places where they stand.
    written: Vec<Written>,
}

impl Loaded {
    /// Warnings about matchers that are about nothing among `rules`, which must be all that are loaded.
    pub fn against(&self, rules: &[Rule]) -> Vec<Finding> {
        let doubts = self.written.iter().flat_map(|written| {
            written.matchers.doubts(rules).into_iter().map(|doubt| written.finding(doubt))
        });
        doubts.collect()
    }
}

/// Reads `silences.yml` files that are in force together.
pub fn load(files: &[SourceFile]) -> Loaded {
    let mut loaded = Loaded::default();
    let mut ids = BTreeMap::new();
    let mut findings = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let found = match document::text(file) {
            Ok(mut report) => {
                if let Some(roots) = document::roots(&mut report) {
                    let (silences, written) = check::silences(&mut report, &roots, &mut ids);
                    loaded.silences.extend(silences);
                    loaded.written.extend(written);
                }
                report.into_findings()
            }
            Err(finding) => vec![*finding],
        };
        findings.extend(found.into_iter().map(|finding| (number, finding)));
    }
    in_order(&mut findings);
    loaded.findings = findings.into_iter().map(|(_, finding)| finding).collect();
    loaded
}
