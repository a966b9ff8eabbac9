//! The repository around a project: its root, and where its pipelines run.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::exit::Failure;

/// The host of pipelines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ci {
    Github,
    Gitlab,
}

/// A repository, or a folder that is none yet.
pub(super) struct Repository {
    /// Its folder, as reached from the present one.
    pub(super) root: PathBuf,
    /// The path from there to the project, with `/`; empty where it is the same folder.
    pub(super) prefix: String,
}

impl Repository {
    /// Finds the repository that a folder lies in: the nearest one above with `.git`, or else the folder itself.
    pub(super) fn around(folder: &Path) -> Result<Self, Failure> {
        let absolute = folder
            .canonicalize()
            .map_err(|error| Failure::because(format!("could not read `{}`", folder.display()), error))?;
        let depth = absolute.ancestors().position(|above| above.join(".git").exists()).unwrap_or(0);
        let parts: Vec<String> = absolute.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let prefix = parts[parts.len() - depth..].join("/");
        let root = if depth == 0 { folder.to_owned() } else { folder.join(vec![".."; depth].join("/")) };
        Ok(Self { root, prefix })
    }

    /// A path of the project from the root of the repository.
    pub(super) fn path(&self, path: &str) -> String {
        if self.prefix.is_empty() { path.to_owned() } else { format!("{}/{path}", self.prefix) }
    }

    /// Returns the host of its pipelines: as its remote says, or else what lies in it; GitHub where nothing says.
    pub(super) fn ci(&self) -> Ci {
        let remotes = self.remotes();
        let is_of = |host: &str| remotes.iter().any(|remote| remote.contains(host));
        match (is_of("gitlab"), is_of("github")) {
            (true, false) => Ci::Gitlab,
            (false, false)
                if self.root.join(".gitlab-ci.yml").exists() && !self.root.join(".github").exists() =>
            {
                Ci::Gitlab
            }
            _ => Ci::Github,
        }
    }

    /// The address of `origin`, or of all remotes where there is none of this name.
    fn remotes(&self) -> Vec<String> {
        // Without git, or outside of a repository, there are none.
        let config = Command::new("git")
            .current_dir(if self.root.as_os_str().is_empty() { Path::new(".") } else { &self.root })
            .args(["config", "--get-regexp", r"^remote\..*\.url$"])
            .output();
        let Ok(listed) = config else { return Vec::new() };
        let listed = String::from_utf8_lossy(&listed.stdout).to_lowercase();
        let all: Vec<(&str, &str)> = listed.lines().filter_map(|line| line.split_once(' ')).collect();
        let origin = all.iter().filter(|(name, _)| *name == "remote.origin.url");
        let origin: Vec<String> = origin.map(|(_, url)| (*url).to_owned()).collect();
        if origin.is_empty() { all.into_iter().map(|(_, url)| url.to_owned()).collect() } else { origin }
    }
}
