//! A program that runs beside the test, until its value is dropped.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use tempfile::TempDir;

/// A running program. Its output is kept, and shown where the test fails.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    logs: Vec<PathBuf>,
    _folder: TempDir,
}

impl Process {
    /// Starts a program whose standard output is a log.
    pub fn start(name: &str, command: &mut Command) -> Self {
        Self::spawn(name, command, false)
    }

    /// Starts a program that says on its first line where it listens, and that ends with its standard input.
    pub fn listening(name: &str, command: &mut Command) -> (Self, u16) {
        let mut process = Self::spawn(name, command.stdin(Stdio::piped()), true);
        let mut line = String::new();
        process.stdout.as_mut().expect("it is piped").read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap_or_else(|_| panic!("{name} did not start: {}", process.log()));
        (process, port)
    }

    fn spawn(name: &str, command: &mut Command, talks: bool) -> Self {
        let folder = TempDir::new().unwrap();
        let log = |stream: &str| {
            let path = folder.path().join(stream);
            (File::create(&path).unwrap(), path)
        };
        let (stderr, stderr_path) = log("stderr");
        let mut logs = vec![stderr_path];
        if talks {
            command.stdout(Stdio::piped());
        } else {
            let (stdout, path) = log("stdout");
            command.stdout(stdout).stdin(Stdio::null());
            logs.insert(0, path);
        }
        let started = command.stderr(stderr).spawn();
        let mut child = started.unwrap_or_else(|error| {
            panic!("{name} cannot be run: {}: {error}", command.get_program().display())
        });
        let stdout = child.stdout.take().map(BufReader::new);
        Self { name: name.to_owned(), child, stdout, logs, _folder: folder }
    }

    /// Returns its exit status, if it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Ends it at once, as SIGKILL does.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits until it has.
    pub fn finish(&mut self) {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
    }

    /// Returns what it has written.
    pub fn log(&self) -> String {
        let read = |path: &PathBuf| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
        self.logs.iter().map(read).collect()
    }
}

impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "shown by the test runner where a test fails, and only there")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let from = log.len().saturating_sub(8192);
            let tail: String =
                log.chars().skip(log[..log.floor_char_boundary(from)].chars().count()).collect();
            eprintln!("--- {} ---\n{tail}", self.name);
        }
        self.kill();
    }
}
