//! `fluo init`: what it makes, what it leaves alone, and that what it makes works.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use fluo_tests::files::files_below;
use fluo_tests::otlp::{Span, json, request};
use fluo_tests::program::{Program, repository};
use serde_json::Value;
use tempfile::TempDir;

use crate::fluo;
use crate::incident::text;

/// All files below a folder but git's own, with their content.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let found = files_below(folder).unwrap().into_iter();
    let found = found.map(|path| (path.strip_prefix(folder).unwrap().to_owned(), path));
    let own = found.filter(|(name, _)| !name.starts_with(".git"));
    own.map(|(name, path)| (text(&name).to_owned(), fs::read_to_string(path).unwrap())).collect()
}

/// Runs git to a good end.
fn git(folder: &Path, arguments: &[&str]) -> String {
    let identity =
        ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"];
    Program::new("git").within(folder).run(&[&identity[..], arguments].concat()).expect(0)
}

fn write(folder: &Path, path: &str, content: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

/// `fluo check` and `fluo test` find nothing wrong.
fn is_sound(folder: &Path) {
    let (config, rules) = (folder.join("fluo.yml"), folder.join("rules"));
    let checked = fluo(&["check", text(&config), text(&rules), "--format", "json"]);
    assert_eq!((checked.stdout.as_str(), checked.status), ("[]\n", 0), "{}", checked.stderr);
    let tested = fluo(&["test", text(&rules)]);
    assert_eq!(tested.status, 0, "{}{}", tested.stdout, tested.stderr);
}

const MADE: [&str; 23] = [
    ".fluo/collector.yml",
    ".fluo/config.schema.json",
    ".fluo/rules.schema.json",
    ".fluo/silences.schema.json",
    ".fluo/tests.schema.json",
    ".github/workflows/fluo.yml",
    ".gitignore",
    ".vscode/extensions.json",
    ".vscode/settings.json",
    "fluo.yml",
    "rules/README.md",
    "rules/auth-failures.test.yml",
    "rules/auth-failures.yml",
    "rules/exceptions-by-type.test.yml",
    "rules/exceptions-by-type.yml",
    "rules/retry-storm.test.yml",
    "rules/retry-storm.yml",
    "rules/server-error-ratio.test.yml",
    "rules/server-error-ratio.yml",
    "rules/service-fell-silent.test.yml",
    "rules/service-fell-silent.yml",
    "rules/slow-requests.test.yml",
    "rules/slow-requests.yml",
];

#[test]
fn an_empty_folder_becomes_a_project_and_a_second_run_makes_nothing() {
    let scratch = TempDir::new().unwrap();
    let folder = scratch.path().join("new/project");
    let told = fluo(&["init", text(&folder)]).expect(0);
    let made = files(&folder);
    assert_eq!(made.keys().map(String::as_str).collect::<Vec<_>>(), MADE);
    assert_eq!(told.lines().filter(|line| line.starts_with("made  ")).count(), MADE.len(), "{told}");
    assert!(told.contains("23 files made, 0 kept\n"), "{told}");
    is_sound(&folder);
    for name in ["settings", "extensions"] {
        let _json: Value = serde_json::from_str(&made[&format!(".vscode/{name}.json")]).unwrap();
    }
    let collector = repository().join("infra/collector/agent.yml");
    assert!(made[".fluo/collector.yml"].ends_with(&fs::read_to_string(collector).unwrap()));
    // A file of the library, behind the line that names its schema.
    let (first, rest) = made["rules/slow-requests.yml"].split_once('\n').unwrap();
    assert_eq!(first, "# yaml-language-server: $schema=../.fluo/rules.schema.json");
    let library = repository().join("rules/http/slow-requests.yml");
    assert_eq!(rest, fs::read_to_string(library).unwrap());

    let again = fluo(&["init", text(&folder)]).expect(0);
    assert_eq!(again, "nothing to make: all 11 files are there\n");
    assert_eq!(files(&folder), made);
    // What was taken out on purpose does not come back; what was changed stays as it is.
    fs::remove_file(folder.join("rules/slow-requests.yml")).unwrap();
    fs::remove_file(folder.join("rules/slow-requests.test.yml")).unwrap();
    write(&folder, "fluo.yml", "store: s3://our-traces\nrules: [rules]\n");
    write(&folder, ".fluo/rules.schema.json", "{}\n");
    let again = fluo(&["init", text(&folder)]).expect(0);
    assert!(!folder.join("rules/slow-requests.yml").exists());
    let schema = folder.join(".fluo/rules.schema.json");
    let kept = format!("kept  {}  (it is not as `fluo init` would make it)\n", schema.display());
    assert_eq!(again, format!("{kept}nothing to make: all 10 files are there\n"));
    is_sound(&folder);
}

#[test]
fn what_is_there_already_is_left_alone_and_told() {
    let scratch = TempDir::new().unwrap();
    let folder = scratch.path();
    git(folder, &["init", "--quiet"]);
    git(folder, &["remote", "add", "origin", "git@gitlab.example.org:shop/backend.git"]);
    let own = [
        (".vscode/settings.json", "{\n    \"editor.rulers\": [100],\n}\n"),
        (
            ".vscode/extensions.json",
            "{\n  \"recommendations\": [\n    \"zsol.vscode-glspc\",\n    \"redhat.vscode-yaml\"\n  ]\n}\n",
        ),
        (".gitignore", "/target\n"),
        (".gitlab-ci.yml", "stages: [test]\n"),
        ("README.md", "# Backend\n"),
        ("rules/own.yml", "- {name: own, span: {name: x}, condition: count > 5}\n"),
        (
            "rules/own.test.yml",
            "rules: [own.yml]\ntests:\n  - {name: t, spans: [{at: 0s, name: x}], expect: []}\n",
        ),
    ];
    for (path, content) in own {
        write(folder, path, content);
    }
    let told = fluo(&["init", text(folder)]).expect(0);
    let made = files(folder);
    for (path, content) in own {
        assert_eq!(made[path], content, "{path}");
    }
    assert!(
        made.contains_key(".gitlab/fluo.gitlab-ci.yml") && !made.contains_key(".github/workflows/fluo.yml")
    );
    assert!(!made.contains_key("rules/slow-requests.yml"), "{told}");
    assert!(told.contains("holds rules already: no starter rules were added"), "{told}");
    for expected in [
        ".gitlab-ci.yml  (please add what follows)\n        include:\n          - local: .gitlab/fluo.gitlab-ci.yml\n",
        ".gitignore  (please add what follows)\n        /store/\n",
        ".vscode/settings.json  (please add what follows)\n        \"glspc.server.command\": \"fluo\",\n",
        "        \"yaml.schemas\": {\n          \"./.fluo/config.schema.json\": [\n",
    ] {
        assert!(told.contains(expected), "{expected}\n{told}");
    }
    assert!(!told.contains("extensions.json"), "{told}");
    is_sound(folder);

    // Once it is added, nothing is left to say.
    let lines = |name: &str| -> String {
        let behind = told.split(&format!("{name}  (please add what follows)\n")).nth(1).unwrap();
        let lines: Vec<&str> = behind.lines().map_while(|line| line.strip_prefix("        ")).collect();
        format!("{}\n", lines.join("\n"))
    };
    write(folder, ".gitignore", &format!("/target\n{}", lines(".gitignore")));
    write(folder, ".gitlab-ci.yml", &format!("stages: [test]\n{}", lines(".gitlab-ci.yml")));
    let settings = lines(".vscode/settings.json");
    write(
        folder,
        ".vscode/settings.json",
        &format!("{{\n  \"editor.rulers\": [100],\n  {}}}\n", settings.replace('\n', "\n  ")),
    );
    let _json: Value =
        serde_json::from_str(&fs::read_to_string(folder.join(".vscode/settings.json")).unwrap()).unwrap();
    assert_eq!(fluo(&["init", text(folder)]).expect(0), "nothing to make: all 12 files are there\n");
}

#[test]
fn where_pipelines_run_is_seen_or_said() {
    for (remote, option, github, gitlab) in [
        (None, None, true, false),
        (Some("https://github.com/shop/backend"), None, true, false),
        (Some("https://gitlab.com/shop/backend"), None, false, true),
        (Some("https://gitlab.com/shop/backend"), Some("github"), true, false),
        (Some("https://github.com/shop/backend"), Some("none"), false, false),
    ] {
        let scratch = TempDir::new().unwrap();
        let folder = scratch.path();
        if let Some(remote) = remote {
            git(folder, &["init", "--quiet"]);
            git(folder, &["remote", "add", "origin", remote]);
        }
        let option: Vec<&str> = option.iter().flat_map(|ci| ["--ci", ci]).collect();
        fluo(&[&["init", text(folder)], &option[..]].concat()).expect(0);
        let is = |path: &str| folder.join(path).exists();
        assert_eq!((is(".github"), is(".gitlab-ci.yml")), (github, gitlab), "{remote:?} {option:?}");
    }
}

#[test]
fn what_cannot_be_made_is_said() {
    let scratch = TempDir::new().unwrap();
    let folder = scratch.path();
    write(folder, "file", "");
    let refused = fluo(&["init", text(&folder.join("file"))]);
    assert_eq!(refused.status, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("file` is a file"), "{}", refused.stderr);
    let refused = fluo(&["init", text(folder), "--rules", "../elsewhere"]);
    assert_eq!(refused.status, 2, "{}", refused.stderr);
    // A file stands where a folder must be.
    write(folder, "project/.fluo", "");
    let failed = fluo(&["init", text(&folder.join("project"))]);
    assert_eq!(failed.status, 3, "{}", failed.stderr);
    assert!(failed.stderr.contains("could not make the folder"), "{}", failed.stderr);
    // What can be made the next time is.
    fs::remove_file(folder.join("project/.fluo")).unwrap();
    fluo(&["init", text(&folder.join("project"))]).expect(0);
    is_sound(&folder.join("project"));
    write(folder, "broken/fluo.yml", "stor: x\n");
    let refused = fluo(&["init", text(&folder.join("broken"))]);
    assert_eq!(refused.status, 2, "{}", refused.stderr);
    assert!(refused.stderr.contains("did you mean `store`?"), "{}", refused.stderr);
}

/// A failed login.
fn failure(number: u64, end: u64) -> Span {
    Span::new(number, "auth-service", "auth_user", end)
        .with("http.status_code", "401")
        .with("error.type", "AuthenticationError")
}

/// A store with four failed logins ten minutes ago.
fn store(folder: &Path) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    let begin = u64::try_from(now).unwrap() - 600_000_000_000;
    let spans: Vec<Span> = (0..4).map(|number| failure(number + 1, begin + number * 1_000_000_000)).collect();
    write(folder, "raw/spans.json", std::str::from_utf8(&json(&request(&spans))).unwrap());
    fluo(&["ingest", text(&folder.join("raw")), "--spans", text(&folder.join("spans-of-shop"))]).expect(0);
}

/// A rule that the change brings.
const FEW_FAILURES: &str =
    "- name: FewFailures\n  span: {service_name: auth-service}\n  condition: count > 3\n";

/// A repository whose project lies in a folder of it, with a change of a rule on top of its base, and what steps are run with.
struct Changed {
    scratch: TempDir,
    repository: PathBuf,
    base: String,
}

impl Changed {
    fn new(ci: &str) -> Self {
        let scratch = TempDir::new().unwrap();
        let repository = scratch.path().join("repository");
        fs::create_dir(&repository).unwrap();
        git(&repository, &["init", "--quiet"]);
        fluo(&["init", text(&repository.join("ops monitoring")), "--ci", ci]).expect(0);
        git(&repository, &["add", "--all"]);
        git(&repository, &["commit", "--quiet", "--message", "base"]);
        let base = git(&repository, &["rev-parse", "HEAD"]).trim().to_owned();
        write(&repository, "ops monitoring/rules/few-failures.yml", FEW_FAILURES);
        git(&repository, &["add", "--all"]);
        git(&repository, &["commit", "--quiet", "--all", "--message", "change"]);
        store(scratch.path());
        fs::create_dir(scratch.path().join("temp")).unwrap();
        // What would comment, which writes down what it is asked.
        write(scratch.path(), "bin/gh", "#!/bin/sh\nprintf '%s\\n' \"$@\" > \"$RUNNER_TEMP/asked\"\n");
        fs::set_permissions(scratch.path().join("bin/gh"), fs::Permissions::from_mode(0o755)).unwrap();
        Self { scratch, repository, base }
    }

    /// Runs a script as a pipeline does.
    fn run(&self, script: &str, environment: &BTreeMap<String, String>) -> String {
        let binary = Path::new(env!("CARGO_BIN_EXE_fluo")).parent().unwrap();
        let path = format!(
            "{}:{}:{}",
            self.scratch.path().join("bin").display(),
            binary.display(),
            std::env::var("PATH").unwrap()
        );
        let ended = Command::new("bash")
            .args(["-e", "-c", script])
            .current_dir(&self.repository)
            .envs(environment)
            .env("PATH", path)
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        let (out, error) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
        assert!(ended.status.success(), "{script}\n{out}\n{error}");
        out.into_owned()
    }

    fn spans(&self) -> String {
        self.scratch.path().join("spans-of-shop").display().to_string()
    }
}

fn variables(mapping: &Value) -> BTreeMap<String, String> {
    let pairs = mapping.as_object().into_iter().flatten();
    pairs.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

#[test]
fn the_steps_of_the_workflow_check_test_and_comment() {
    let changed = Changed::new("github");
    let workflow = fs::read_to_string(changed.repository.join(".github/workflows/fluo.yml")).unwrap();
    let workflow: Value = serde_yaml::from_str(&workflow).unwrap();
    assert_eq!(workflow["env"]["RULES"], "ops monitoring/rules");
    let temp = changed.scratch.path().join("temp");
    let mut ran = Vec::new();
    for step in workflow["jobs"]["rules"]["steps"].as_array().unwrap() {
        let Some(script) = step["run"].as_str() else { continue };
        assert!(!script.contains("${{"), "an expression in a script is code of whoever writes it: {script}");
        let mut environment = variables(&workflow["env"]);
        environment.extend(variables(&step["env"]));
        for value in environment.values_mut() {
            *value = match value.as_str() {
                "${{ vars.FLUO_SPANS }}" => changed.spans(),
                "${{ github.event.pull_request.base.sha }}" => changed.base.clone(),
                "${{ github.event.pull_request.number }}" => "17".to_owned(),
                "${{ github.token }}" => "token".to_owned(),
                plain => {
                    assert!(!plain.contains("${{"), "{plain}");
                    plain.to_owned()
                }
            };
        }
        // Every minute of a week would be judged.
        environment.insert("FLUO_SINCE".to_owned(), "20m".to_owned());
        environment.insert("RUNNER_TEMP".to_owned(), temp.display().to_string());
        environment.insert("GITHUB_STEP_SUMMARY".to_owned(), temp.join("summary").display().to_string());
        let out = changed.run(script, &environment);
        ran.push((step["name"].as_str().unwrap().to_owned(), out));
    }
    let names: Vec<&str> = ran.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["Check", "Test", "Compare alerts", "Comment"]);
    assert!(ran[1].1.contains("tests passed"), "{ran:?}");
    let comment = fs::read_to_string(temp.join("comment.md")).unwrap();
    assert!(
        comment.starts_with("### Alerts that this change adds and removes\n\nOver the last 20m:\n\n    + "),
        "{comment}"
    );
    assert!(comment.contains("    rule FewFailures is new: 1 alerts added, 0 removed\n"), "{comment}");
    assert_eq!(fs::read_to_string(temp.join("summary")).unwrap(), comment);
    let asked = fs::read_to_string(temp.join("asked")).unwrap();
    assert!(asked.starts_with("pr\ncomment\n17\n--body-file\n"), "{asked}");
    assert_eq!(git(&changed.repository, &["status", "--porcelain"]), "");
}

#[test]
fn the_script_of_the_template_checks_tests_and_compares() {
    let changed = Changed::new("gitlab");
    let template = fs::read_to_string(changed.repository.join(".gitlab/fluo.gitlab-ci.yml")).unwrap();
    let template: Value = serde_yaml::from_str(&template).unwrap();
    let job = &template["fluo"];
    let mut environment = variables(&job["variables"]);
    environment.insert("CI_PROJECT_DIR".to_owned(), changed.repository.display().to_string());
    environment.insert("CI_MERGE_REQUEST_DIFF_BASE_SHA".to_owned(), changed.base.clone());
    environment.insert("FLUO_SPANS".to_owned(), changed.spans());
    environment.insert("FLUO_SINCE".to_owned(), "20m".to_owned());
    let lines = job["before_script"].as_array().unwrap().iter().chain(job["script"].as_array().unwrap());
    let script: Vec<&str> = lines.map(|line| line.as_str().unwrap()).collect();
    let out = changed.run(&script.join("\n"), &environment);
    assert!(out.contains("rule FewFailures is new: 1 alerts added, 0 removed\n"), "{out}");
    assert!(
        fs::read_to_string(changed.repository.join("fluo-tests.xml")).unwrap().contains("failures=\"0\"")
    );
}
