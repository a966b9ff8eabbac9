//! The files of a project, as they would be made now.

use std::path::{Path, PathBuf};

use fluo_evaluator::Config;
use fluo_evaluator::config::Loading;
use fluo_rules::schema;
use serde_json::json;

use super::place::Place;
use super::repository::{Ci, Repository};
use crate::exit::Failure;
use crate::rule_files;

/// A file that is made.
pub(super) struct File {
    pub(super) place: Place,
    /// From the folder of its place, with `/`.
    pub(super) path: String,
    pub(super) content: String,
    /// Of a file that others have, too: what is to be added to theirs.
    pub(super) lines: Option<String>,
    /// Nobody is to change it: it follows from this version of fluo.
    pub(super) is_derived: bool,
}

/// A project: its folder, its store, and its paths.
pub(super) struct Project {
    pub(super) folder: PathBuf,
    /// The folder of rules, from that of the project.
    pub(super) rules: String,
    /// The store, as the configuration names it.
    store: String,
    /// Both from the root of the repository.
    rules_of_repository: String,
    config_of_repository: String,
    schemas_of_repository: String,
}

/// The store of a project that is new: a folder beside its configuration.
const LOCAL_STORE: &str = "store";

/// The comment by which YAML's language server knows the schema of a file at `path`.
pub(super) fn modeline(path: &str, schema: &str) -> String {
    let up = "../".repeat(path.matches('/').count());
    format!("# yaml-language-server: $schema={up}.fluo/{schema}.schema.json\n")
}

impl Project {
    /// Looks at a folder whose rules are in `rules`. A configuration that is there says which store is the project's.
    pub(super) fn of(folder: &Path, rules: &Path, repository: &Repository) -> Result<Self, Failure> {
        let refused = |what: String| {
            Err(Failure::usage(what).hint("name a folder within the project: `--rules rules`"))
        };
        let rules = rules.to_string_lossy().trim_end_matches('/').replace('\\', "/");
        let is_within = rules.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !is_within || rules.chars().any(char::is_control) {
            return refused(format!("--rules: `{rules}` is no folder of the project"));
        }
        let mut project = Self {
            folder: folder.to_owned(),
            store: LOCAL_STORE.to_owned(),
            rules_of_repository: repository.path(&rules),
            config_of_repository: repository.path("fluo.yml"),
            schemas_of_repository: repository.path(".fluo"),
            rules,
        };
        let config = folder.join("fluo.yml");
        if config.exists() {
            let Loading { config: loaded, checked } = Config::load(&rule_files::open(&config)?);
            let Some(loaded) = loaded else {
                rule_files::tell_findings(&checked.findings, &[checked.shown()]);
                return Err(Failure::usage(format!("`{}` cannot be used", config.display()))
                    .hint("mend it, or move it away: `fluo init` changes no file that is there"));
            };
            project.store = loaded.store;
        }
        Ok(project)
    }

    /// All files but the starters.
    pub(super) fn files(&self, ci: Option<Ci>) -> Vec<File> {
        let of_project = |path: &str, content: String, is_derived| File {
            place: Place::Project,
            path: path.to_owned(),
            content,
            lines: None,
            is_derived,
        };
        let config = include_str!("files/fluo.yml").replace("@RULES@", &json!(self.rules).to_string());
        let collector = include_str!("../../../../../infra/collector/agent.yml");
        let mut files = vec![
            of_project("fluo.yml", config, false),
            of_project(&format!("{}/README.md", self.rules), self.readme(ci), false),
            of_project(".fluo/rules.schema.json", schema::schema(), true),
            of_project(".fluo/tests.schema.json", schema::test_files(), true),
            of_project(".fluo/silences.schema.json", schema::silences(), true),
            of_project(".fluo/config.schema.json", schema::config(), true),
            of_project(
                ".fluo/collector.yml",
                format!("# From fluo's infra/collector, where gateway.yml and retry.yml are.\n{collector}"),
                false,
            ),
        ];
        if self.store == LOCAL_STORE {
            let ignored = format!("/{LOCAL_STORE}/\n");
            files.push(File { lines: Some(ignored.clone()), ..of_project(".gitignore", ignored, false) });
        }
        files.extend(self.of_workspace());
        let of_repository = |path: &str, content: String| File {
            place: Place::Repository,
            ..of_project(path, content, false)
        };
        match ci {
            Some(Ci::Github) => {
                let workflow = self.filled(include_str!("files/github.yml"));
                files.push(of_repository(".github/workflows/fluo.yml", workflow));
            }
            Some(Ci::Gitlab) => {
                let template = self.filled(include_str!("files/gitlab.yml"));
                files.push(of_repository(".gitlab/fluo.gitlab-ci.yml", template));
                let include = String::from("include:\n  - local: .gitlab/fluo.gitlab-ci.yml\n");
                files.push(File { lines: Some(include.clone()), ..of_repository(".gitlab-ci.yml", include) });
            }
            None => {}
        }
        files
    }

    /// Settings of Visual Studio Code, which opens the repository.
    fn of_workspace(&self) -> [File; 2] {
        let schema = |name: &str| format!("./{}/{name}.schema.json", self.schemas_of_repository);
        let rules = &self.rules_of_repository;
        let settings = json!({
            "yaml.schemas": {
                schema("config"): [self.config_of_repository],
                schema("silences"): [format!("{rules}/**/silences.yml"), format!("{rules}/silences.yml")],
                schema("tests"): [format!("{rules}/**/*.test.yml")],
            },
            "glspc.server.command": "fluo",
            "glspc.server.commandArguments": ["lsp"],
            "glspc.server.languageId": ["yaml"],
        });
        let extensions = json!({"recommendations": ["redhat.vscode-yaml", "zsol.vscode-glspc"]});
        [("settings", settings), ("extensions", extensions)].map(|(name, value)| {
            let content = format!("{value:#}\n");
            let inner = content.trim().trim_start_matches('{').trim_end_matches('}');
            let inner: Vec<&str> = inner.lines().filter(|line| !line.is_empty()).collect();
            let lines = inner.iter().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect::<Vec<_>>();
            File {
                place: Place::Repository,
                path: format!(".vscode/{name}.json"),
                lines: Some(lines.join("\n")),
                content,
                is_derived: false,
            }
        })
    }

    fn readme(&self, ci: Option<Ci>) -> String {
        let of_ci = match ci {
            Some(Ci::Github) => include_str!("files/github.md"),
            Some(Ci::Gitlab) => include_str!("files/gitlab.md"),
            None => "",
        };
        let text = format!("{}{of_ci}", include_str!("files/README.md"));
        let text = text.replace("@RULES@", &self.rules).replace("@CONFIG@", "fluo.yml");
        format!("{}\n", text.replace("@STORE@", &self.store).trim_end())
    }

    /// A pipeline, which runs in the root of the repository.
    fn filled(&self, text: &str) -> String {
        // A text of JSON is one of YAML, too, whatever is in it.
        let quoted = |text: &str| json!(text).to_string();
        let glob = format!("{}/**", self.rules_of_repository);
        let text = text.replace("@RULES_GLOB@", &quoted(&glob));
        text.replace("@RULES@", &quoted(&self.rules_of_repository))
            .replace("@CONFIG@", &quoted(&self.config_of_repository))
    }
}
