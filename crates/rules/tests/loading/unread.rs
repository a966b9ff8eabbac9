//! A file that could not be read is a finding like others: the files beside it load.

use fluo_rules::code::Code;
use fluo_rules::{SourceFile, load, silence, test_file};

#[test]
fn a_file_that_could_not_be_read_is_told_and_costs_itself() {
    let unread = || SourceFile::unread("rules/broken.yml", "a link that leads nowhere");
    let good = SourceFile::new("rules/good.yml", "- {name: slow, span: {}, condition: count > 5}");
    let loaded = load(&[unread(), good]);
    assert_eq!(loaded.rules.len(), 1);
    let [finding] = loaded.findings.try_into().unwrap();
    assert_eq!(finding.code, Code::Unreadable);
    assert_eq!(finding.message, "it cannot be read: a link that leads nowhere");
    assert_eq!(&*finding.place.file, "rules/broken.yml");
    let of_tests = test_file::load(&[unread()]).findings;
    let of_silences = silence::load(&[unread()]).findings;
    for findings in [of_tests, of_silences] {
        assert_eq!(findings.iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::Unreadable]);
    }
}
