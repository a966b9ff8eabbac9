//! `fluo run`, twice, and started again whenever it has ended.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fluo_end_to_end::process::Process;
use fluo_end_to_end::programs;
use serde_json::Value;
use tempfile::TempDir;

use crate::cases::RULES;
use crate::places::Place;

/// Two evaluators of one deployment.
pub(crate) struct Evaluators {
    folder: TempDir,
    environment: Vec<(&'static str, String)>,
    running: Vec<Process>,
    /// The number of times that one ended by itself.
    pub(crate) ended: usize,
}

impl Evaluators {
    /// Writes their configuration and starts them.
    pub(crate) fn start(place: &impl Place, receiver: &str) -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("rules")).unwrap();
        fs::write(folder.path().join("rules/rules.yml"), RULES).unwrap();
        let configuration = format!(
            "store: {}\nrules: [rules]\nevery: 1s\neval_delay: 2s\nallowed_lateness: 10m\nstale_after: 1h\n\
             sinks:\n- {{type: webhook, url: '{receiver}'}}\n",
            place.uri()
        );
        fs::write(folder.path().join("fluo.yml"), configuration).unwrap();
        let mut evaluators = Self { folder, environment: place.environment(), running: Vec::new(), ended: 0 };
        for number in 0..2 {
            let started = evaluators.spawn(number, None);
            evaluators.running.push(started);
        }
        evaluators
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path().join("fluo.yml")
    }

    fn spawn(&self, number: usize, descriptors: Option<u32>) -> Process {
        let fluo = programs::fluo();
        let mut command = match descriptors {
            None => Command::new(fluo),
            Some(most) => {
                let mut shell = Command::new("sh");
                shell.arg("-c").arg(format!("ulimit -n {most}; exec \"$0\" \"$@\"")).arg(fluo);
                shell
            }
        };
        command.arg("run").arg("--config").arg(self.configuration());
        command.envs(self.environment.iter().cloned());
        Process::start(&format!("evaluator {number}"), &mut command)
    }

    /// Kills one, and starts it again.
    pub(crate) fn kill(&mut self, number: usize) {
        self.restart(number, None);
    }

    /// Starts one anew that may open so many files; without a bound where none is given.
    pub(crate) fn restart(&mut self, number: usize, descriptors: Option<u32>) {
        self.running[number].kill();
        self.running[number] = self.spawn(number, descriptors);
    }

    /// Starts again what has ended by itself.
    pub(crate) fn revive(&mut self) {
        for number in 0..self.running.len() {
            if self.running[number].ended().is_some() {
                self.ended += 1;
                self.running[number] = self.spawn(number, None);
            }
        }
    }

    /// `fluo status` as JSON; none where it cannot be had.
    pub(crate) fn status(&self) -> Option<Value> {
        let mut command = Command::new(programs::fluo());
        command.arg("status").arg("--config").arg(self.configuration()).args(["--format", "json"]);
        let output = command.envs(self.environment.iter().cloned()).output().unwrap();
        serde_json::from_slice(&output.stdout).ok()
    }

    /// The last lines that they wrote.
    pub(crate) fn logs(&self) -> String {
        let tail = |process: &Process| {
            let log = process.log();
            let lines: Vec<&str> = log.lines().collect();
            lines[lines.len().saturating_sub(12)..].join("\n")
        };
        self.running.iter().map(tail).collect::<Vec<_>>().join("\n---\n")
    }

    /// Returns the folder that files for ingest are put in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}
