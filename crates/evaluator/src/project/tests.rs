//! Findings that are kept between checks are those of a first look.

use std::collections::BTreeMap;
use std::convert::Infallible;

use super::*;
use proptest::prelude::*;

/// A disk that holds nothing but the files of the project.
struct Nothing;

impl Surroundings for Nothing {
    type Error = Infallible;

    fn rules(&self, _: &[PathBuf]) -> Result<Vec<SourceFile>, Infallible> {
        Ok(Vec::new())
    }

    fn exists(&self, _: &Path) -> bool {
        false
    }

    fn names_in(&self, _: &Path) -> Vec<String> {
        vec!["rules".to_owned()]
    }
}

/// The texts that each file may hold, and go over into.
const TEXTS: [(&str, &[&str]); 6] = [
    (
        "p/rules/a.yml",
        &[
            "- {name: a, span: {name: x}, condition: count > 5, labels: {team: pay}}\n",
            "- {name: a, span: {name: x}, condition: count > 5}\n- {name: b, span: {servce_name: x}, condition: count > 5}\n",
            "- {name: b, span: {name: x}, condition: count > 5, inhibit: [c]}\n",
            "- {name: a, span: {name: x}, condition: cont > 5}\n",
            "- {name: a\n",
            "",
        ],
    ),
    (
        "p/rules/b.yml",
        &[
            "- {name: b, span: {name: x}, condition: count > 5, inhibit: [a]}\n",
            "- {name: a, span: {name: y}, group_by: [service_name], limits: {file: l.csv}, condition: count > limit.most}\n",
            "- {name: c, sql: \"SELECT count(*) AS n FROM spans\", condition: n > 5}\n",
            "- {name: c, span: {name: x}, condition: count > 5}\n",
        ],
    ),
    ("p/rules/l.csv", &["service_name,most\npay,5\n", "service_name,mst\npay,5\n", "servic_name,most\n"]),
    (
        "p/rules/a.test.yml",
        &[
            "rules: [a.yml]\ntests:\n  - {name: t, spans: [{at: 0s, name: x}], expect: [{rule: a, at: 0s, state: inactive}]}\n",
            "rules: [.]\ntests:\n  - {name: t, spans: [{at: 0s, name: x}], expect: [{rule: c, at: 0s, state: inactive}]}\n",
            "rules: [none.yml]\ntests:\n  - {name: t, spans: [{at: 0s, name: x}], expect: []}\n",
        ],
    ),
    (
        "p/rules/silences.yml",
        &[
            "silences:\n  - {id: s, comment: c, matchers: [rule=a]}\n",
            "silences:\n  - {id: s, comment: c, matchers: [rule=aa]}\n",
        ],
    ),
    (
        "p/fluo.yml",
        &[
            "store: store\nrules: [rules]\nsinks: [{type: stdout, labels: {team: pay}}]\n",
            "store: store\nrules: [rule]\n",
            "store: store\nrules: [rules/a.yml]\nsinks: [{type: stdot}]\n",
        ],
    ),
];

fn file(name: &str, text: &str) -> (Kind, SourceFile) {
    (Kind::of(name).unwrap_or(Kind::Rules), SourceFile::new(name, text))
}

fn project(texts: &BTreeMap<&str, &str>) -> Project {
    Project::new(&[PathBuf::from("p")], texts.iter().map(|(name, text)| file(name, text)).collect())
}

fn check(project: &mut Project) -> Outcome {
    let Ok(outcome) = project.check(&Nothing);
    outcome
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn after_any_edits_the_findings_are_those_of_a_first_look(
        edits in proptest::collection::vec((0..TEXTS.len(), 0_usize..7), 1..24),
    ) {
        let mut texts: BTreeMap<&str, &str> = TEXTS.iter().map(|(name, all)| (*name, all[0])).collect();
        let mut kept = project(&texts);
        check(&mut kept);
        for (which, text) in edits {
            let (name, all) = TEXTS[which];
            if let Some(text) = all.get(text) {
                texts.insert(name, text);
                let (kind, file) = file(name, text);
                kept.put(kind, file);
            } else {
                texts.remove(name);
                kept.remove(name);
            }
            prop_assert_eq!(check(&mut kept), check(&mut project(&texts)));
        }
    }
}

#[test]
fn files_are_held_against_each_other() {
    let mut texts: BTreeMap<&str, &str> = TEXTS.iter().map(|(name, all)| (*name, all[0])).collect();
    let codes = |project: &mut Project| -> Vec<String> {
        let findings = check(project).findings;
        findings.iter().map(|it| format!("{} {}", it.place.file, it.code)).collect()
    };
    let mut project = project(&texts);
    assert_eq!(codes(&mut project), Vec::<String>::new());
    let mut put = |project: &mut Project, name: &'static str, number: usize| {
        let text = TEXTS.iter().find(|(known, _)| *known == name).unwrap().1[number];
        texts.insert(name, text);
        let (kind, file) = file(name, text);
        project.put(kind, file);
    };
    // The name goes: the test that expects something of it, and the rule that it inhibits, have lost it. Which labels
    // there are is not known while a rule does not load.
    put(&mut project, "p/rules/a.yml", 2);
    assert_eq!(
        codes(&mut project),
        ["p/rules/a.test.yml E0507", "p/rules/a.yml W0205", "p/rules/b.yml E0201", "p/rules/b.yml W0205"]
    );
    put(&mut project, "p/rules/b.yml", 3);
    assert_eq!(
        codes(&mut project),
        ["p/fluo.yml W0702", "p/rules/a.test.yml E0507", "p/rules/silences.yml W0601"]
    );
    put(&mut project, "p/rules/b.yml", 0);
    put(&mut project, "p/rules/a.yml", 0);
    assert_eq!(codes(&mut project), Vec::<String>::new());
}
