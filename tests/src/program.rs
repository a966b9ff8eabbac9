//! Running a program and looking at how it ended.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A program, and where it runs.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    folder: PathBuf,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The exit status.
    pub status: i32,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Program {
    /// A program that runs in the repository's root.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), folder: repository() }
    }

    /// The same program in another folder.
    #[must_use]
    pub fn within(&self, folder: &Path) -> Self {
        Self { path: self.path.clone(), folder: folder.to_owned() }
    }

    /// Runs to the end.
    ///
    /// # Panics
    ///
    /// Where it cannot be started, is killed by a signal, or writes what is not UTF-8.
    #[expect(clippy::expect_used, clippy::panic, reason = "what cannot be run has failed its test")]
    pub fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Ended {
        let output = Command::new(&self.path)
            .args(arguments)
            .current_dir(&self.folder)
            // What a developer's environment says must not change what is seen.
            .env_remove("CLICOLOR_FORCE")
            .env("NO_COLOR", "1")
            .output()
            .unwrap_or_else(|error| panic!("could not run {}: {error}", self.path.display()));
        Ended {
            status: output.status.code().expect("no signal ended it"),
            stdout: String::from_utf8(output.stdout).expect("standard output is text"),
            stderr: String::from_utf8(output.stderr).expect("standard error is text"),
        }
    }
}

impl Ended {
    /// Standard output of a run that ended with `status`.
    ///
    /// # Panics
    ///
    /// Where it ended otherwise; with everything it said.
    #[track_caller]
    pub fn expect(self, status: i32) -> String {
        assert_eq!(self.status, status, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self.stdout
    }
}

/// The root of the repository that the tests were built from.
pub fn repository() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}
