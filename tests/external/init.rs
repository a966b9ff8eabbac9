//! The files of `fluo init`, in the hands of the programs that they are for.

use std::path::Path;
use std::process::Command;

use fluo_tests::program::{Ended, Program};
use tempfile::TempDir;

use crate::{fluo, python};

/// Runs actionlint, which lies beside Python, with what shellcheck says of the scripts where it is on the path.
fn actionlint(folder: &Path) -> Ended {
    let python = std::env::var_os("FLUO_TEST_PYTHON").unwrap();
    let linter = Path::new(&python).with_file_name("actionlint");
    Program::new(linter).within(folder).run(&["-no-color"])
}

#[test]
fn the_workflow_is_sound_in_an_empty_folder_and_in_a_repository() {
    for (folder_of_project, has_own) in [("", false), ("ops/monitoring", true)] {
        let scratch = TempDir::new().unwrap();
        let repository = scratch.path();
        let git = Command::new("git").args(["init", "--quiet"]).current_dir(repository).status().unwrap();
        assert!(git.success());
        if has_own {
            let workflows = repository.join(".github/workflows");
            std::fs::create_dir_all(&workflows).unwrap();
            let own = "on: push\njobs:\n  own:\n    runs-on: ubuntu-latest\n    steps:\n      - run: make\n";
            std::fs::write(workflows.join("own.yml"), own).unwrap();
        }
        let project = repository.join(folder_of_project);
        fluo(&["init", project.to_str().unwrap(), "--ci", "github"]);
        fluo(&["check", project.join("fluo.yml").to_str().unwrap(), project.join("rules").to_str().unwrap()]);
        fluo(&["test", project.join("rules").to_str().unwrap()]);
        actionlint(repository).expect(0);
    }
}

#[test]
fn a_broken_workflow_is_found() {
    let scratch = TempDir::new().unwrap();
    let workflows = scratch.path().join(".github/workflows");
    std::fs::create_dir_all(&workflows).unwrap();
    std::fs::create_dir(scratch.path().join(".git")).unwrap();
    std::fs::write(
        workflows.join("bad.yml"),
        "on: push\njobs:\n  bad:\n    runs-on: nowhere-at-all\n    stepz: []\n",
    )
    .unwrap();
    let found = actionlint(scratch.path());
    assert!(found.status == 1 && found.stdout.contains("stepz"), "{found:?}");
}

/// The schemas, as any validator reads them.
#[test]
fn the_schemas_accept_the_files_beside_them() {
    const SCRIPT: &str = "
import json, pathlib, sys
import jsonschema, yaml
folder = pathlib.Path(sys.argv[1])
schema = lambda name: json.loads((folder / '.fluo' / f'{name}.schema.json').read_text())
checked = 0
for path in sorted(folder.glob('rules/*.yml')) + [folder / 'fluo.yml']:
    name = 'config' if path.name == 'fluo.yml' else 'tests' if path.name.endswith('.test.yml') else 'rules'
    first = path.read_text().splitlines()[0]
    assert first.endswith(f'.fluo/{name}.schema.json'), first
    jsonschema.validate(yaml.safe_load(path.read_text()), schema(name))
    checked += 1
print(checked)
";
    let scratch = TempDir::new().unwrap();
    fluo(&["init", scratch.path().to_str().unwrap()]);
    let checked = python(scratch.path(), SCRIPT, &[scratch.path().to_str().unwrap()]);
    assert_eq!(checked.trim(), "13");
}
