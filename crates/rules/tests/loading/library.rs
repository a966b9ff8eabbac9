//! The tests beside the rules of the library: whether they load, fit their rules, and test both sides of each.
//! Running them is for whoever evaluates.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use fluo_rules::test_file::{self, State};
use fluo_rules::{SourceFile, files, load, schema};

use crate::schema::validity_in;

#[test]
fn every_rule_of_the_library_has_tests_that_it_must_fire_in_and_tests_that_it_must_not() {
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../rules");
    let schema = schema::test_files();
    let mut tested = 0;
    for family in fs::read_dir(library).unwrap() {
        let family = family.unwrap().path();
        let names: BTreeSet<String> = fs::read_dir(&family)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        for name in names.iter().filter(|name| files::is_rule_file(name)) {
            let rules = load(&[SourceFile::new(name.as_str(), fs::read(family.join(name)).unwrap())]).rules;
            let test_name = name.replace(".yml", ".test.yml");
            assert!(names.contains(&test_name), "{name} has no tests");
            let content = fs::read_to_string(family.join(&test_name)).unwrap();
            let loaded = test_file::load(&[SourceFile::new(test_name.as_str(), content.as_str())]);
            assert_eq!(loaded.findings, [], "{test_name}");
            let file = &loaded.tests[0];
            assert_eq!(file.rules, [name.as_str()], "{test_name}");
            assert_eq!(file.against(&rules), [], "{test_name}");
            assert_eq!(validity_in(&schema, &serde_yaml::from_str(&content).unwrap()), None, "{test_name}");
            for rule in &rules {
                let expects = |state| {
                    let all = file.tests.iter().flat_map(|test| &test.expect);
                    all.filter(|expectation| expectation.rule == rule.name && expectation.state == state)
                        .count()
                };
                assert!(expects(State::Firing) > 0 && expects(State::Resolved) > 0, "{test_name}");
                assert!(file.tests.iter().any(|test| test.expect.is_empty()), "{test_name}");
            }
            tested += rules.len();
        }
    }
    assert!(tested >= 21, "{tested} rules");
}
