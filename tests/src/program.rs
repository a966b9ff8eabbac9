//! Running a program and looking at how it ended.

use std::ffi::OsStr;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A program, and where it runs.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    folder: PathBuf,
    environment: Vec<(&'static str, String)>,
}

/// The end of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The exit status.
    pub status: i32,
    /// The text on standard output.
    pub stdout: String,
    /// The text on standard error.
    pub stderr: String,
}

impl Program {
    /// A program that runs in the repository's root.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), folder: repository(), environment: Vec::new() }
    }

    /// The same program in another folder.
    #[must_use]
    pub fn within(&self, folder: &Path) -> Self {
        Self { folder: folder.to_owned(), ..self.clone() }
    }

    /// Runs to the end.
    ///
    /// # Panics
    ///
    /// Panics where it cannot be started, is killed by a signal, or writes what is not UTF-8.
    #[expect(clippy::expect_used, clippy::panic, reason = "what cannot be run has failed its test")]
    pub fn run<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Ended {
        let output = self
            .command(arguments)
            .output()
            .unwrap_or_else(|error| panic!("could not run {}: {error}", self.path.display()));
        Ended {
            status: output.status.code().expect("no signal ended it"),
            stdout: String::from_utf8(output.stdout).expect("standard output is text"),
            stderr: String::from_utf8(output.stderr).expect("standard error is text"),
        }
    }
}

impl Program {
    /// Starts, and goes on while it runs.
    ///
    /// # Panics
    ///
    /// Panics where it cannot be started.
    #[expect(clippy::panic, reason = "what cannot be run has failed its test")]
    pub fn start<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Running {
        let mut command = self.command(arguments);
        let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Running(started.unwrap_or_else(|error| panic!("could not run {}: {error}", self.path.display())))
    }

    /// The same with a variable of the environment.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.environment.push((name, value.to_owned()));
        self
    }

    fn command<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(arguments)
            .current_dir(&self.folder)
            // What a developer's environment says must not change what is seen.
            .env_remove("CLICOLOR_FORCE")
            .env("NO_COLOR", "1")
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// A program that runs. Where its test fails, it is killed.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Sends it a signal by its name: `TERM`.
    ///
    /// # Panics
    ///
    /// Panics where it is not there any more.
    #[expect(clippy::expect_used, reason = "what cannot be run has failed its test")]
    pub fn signal(&self, name: &str) {
        let kill = Command::new("kill").args(["-s", name, &self.0.id().to_string()]).status();
        assert!(kill.expect("there is `kill`").success(), "{name}");
    }

    /// Returns whether it has ended.
    ///
    /// # Panics
    ///
    /// Panics where the system does not say.
    #[expect(clippy::expect_used, reason = "what cannot be run has failed its test")]
    pub fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("a child can be waited for").is_some()
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// Panics where it takes longer than `most`, or ends as [`Program::run`] does not like.
    #[expect(clippy::expect_used, reason = "what cannot be run has failed its test")]
    pub fn end_within(mut self, most: Duration) -> (Ended, Duration) {
        let began = Instant::now();
        while !self.has_ended() {
            assert!(began.elapsed() < most, "it still runs after {most:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
        let took = began.elapsed();
        let mut ended = Ended { status: 0, stdout: String::new(), stderr: String::new() };
        let (stdout, stderr) = (self.0.stdout.take(), self.0.stderr.take());
        stdout.expect("it is piped").read_to_string(&mut ended.stdout).expect("standard output is text");
        stderr.expect("it is piped").read_to_string(&mut ended.stderr).expect("standard error is text");
        // As a shell says it: a signal that nobody listened to yet, and 128.
        let status = self.0.wait().expect("it has ended");
        ended.status = status.code().or(status.signal().map(|signal| 128 + signal)).expect("it has ended");
        (ended, took)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Where it has ended already, there is nothing to kill.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Ended {
    /// Standard output of a run that ended with `status`.
    ///
    /// # Panics
    ///
    /// Panics where it ended otherwise; with everything it said.
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
