//! The driver: test files to tests and findings.

use super::TestFile;
use crate::check;
use crate::diagnostic::{Finding, in_order};
use crate::document;
use crate::source_file::SourceFile;

/// The content of the files.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Loaded {
    /// The files, each with those of its tests that are sound. A file whose rules are not known is left out.
    pub tests: Vec<TestFile>,
    /// Everything that is wrong or doubtful, sorted by file (in the order given) and place.
    pub findings: Vec<Finding>,
}

/// Reads test files. One file's mistakes keep nothing of the others.
pub fn load(files: &[SourceFile]) -> Loaded {
    let mut tests = Vec::new();
    let mut findings = Vec::new();
    for (number, file) in files.iter().enumerate() {
        let found = match document::text(file) {
            Ok(mut report) => {
                if let Some(roots) = document::roots(&mut report) {
                    tests.extend(check::test_file(&mut report, &roots));
                }
                report.into_findings()
            }
            Err(finding) => vec![*finding],
        };
        findings.extend(found.into_iter().map(|finding| (number, finding)));
    }
    in_order(&mut findings);
    Loaded { tests, findings: findings.into_iter().map(|(_, finding)| finding).collect() }
}
