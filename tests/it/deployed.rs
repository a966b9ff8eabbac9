//! A deployment in a folder: `fluo.yml`, rules, a store, and what a file was told.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fluo_tests::files;
use fluo_tests::otlp::{Encoding, Span};
use fluo_tests::program::{Ended, Program, Running, repository};
use serde_json::Value;
use tempfile::TempDir;

use crate::binary;
use crate::incident::{
    NOON, RULE, SECOND, data_files, failed_login, login, records, six_failures, text, write,
};

/// A folder with a deployment.
pub(crate) struct Deployment {
    folder: TempDir,
}

impl Deployment {
    /// The origin's rule, and a file that notifications go to.
    pub(crate) fn new() -> Self {
        Self::with("store: store\nrules: [rules]\nsinks: [{type: file, path: told.ndjson}]\n")
    }

    /// The same with another `fluo.yml`.
    pub(crate) fn with(config: &str) -> Self {
        let deployment = Self { folder: TempDir::new().unwrap() };
        for folder in ["store", "rules", "raw"] {
            fs::create_dir(deployment.path(folder)).unwrap();
        }
        fs::copy(repository().join(RULE), deployment.path("rules/auth.yml")).unwrap();
        deployment.write("fluo.yml", config);
        deployment
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    fn program(&self) -> Program {
        binary().within(self.folder.path())
    }

    /// Runs `fluo` in the folder.
    pub(crate) fn fluo(&self, arguments: &[&str]) -> Ended {
        self.program().run(arguments)
    }

    /// Starts `fluo` in the folder.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        self.program().start(arguments)
    }

    /// Starts `fluo` in the folder, with the address of an object store.
    pub(crate) fn start_with_bucket(&self, endpoint: &str, arguments: &[&str]) -> Running {
        let program = self.program().with("AWS_ENDPOINT_URL", endpoint).with("AWS_REGION", "us-east-1");
        program.with("AWS_ACCESS_KEY_ID", "id").with("AWS_SECRET_ACCESS_KEY", "secret").start(arguments)
    }

    /// Runs a line of shell in the folder, with `$FLUO` the binary.
    pub(crate) fn shell(&self, line: &str) -> Ended {
        let script = format!("FLUO='{}'\n{line}\n", env!("CARGO_BIN_EXE_fluo"));
        Program::new("sh").within(self.folder.path()).run(&["-c", &script])
    }

    /// Ingests spans as one object that was written so many seconds after noon, as were its data files.
    pub(crate) fn arrive(&self, name: &str, seconds: u64, spans: &[Span]) {
        let written = |file: &Path| {
            let file = fs::File::options().append(true).open(file).unwrap();
            file.set_modified(UNIX_EPOCH + Duration::from_nanos(NOON + seconds * SECOND)).unwrap();
        };
        let object = write(&self.path("raw"), name, Encoding::Json, spans);
        written(&object);
        let before = data_files(&self.path("store"));
        self.fluo(&["ingest", text(&object), "--spans", "store"]).expect(0);
        data_files(&self.path("store"))
            .iter()
            .filter(|file| !before.contains(file))
            .for_each(|file| written(file));
    }

    /// Six failures that have just happened: so young that the alert still fires a minute later.
    pub(crate) fn fail_just_now(&self) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let now = u64::try_from(now).unwrap();
        let spans: Vec<Span> = (0..6).map(|at| failed_login(at + 1, now - (30 - 5 * at) * SECOND)).collect();
        let object = write(&self.path("raw"), "now", Encoding::Json, &spans);
        self.fluo(&["ingest", text(&object), "--spans", "store"]).expect(0);
    }

    /// Evaluates once at a time of that day: `12:02:00`.
    pub(crate) fn tick(&self, at: &str) -> Ended {
        let at = format!("2024-05-01T{at}Z");
        self.fluo(&["run", "--once", "--at", &at])
    }

    /// Returns what the file was told until now.
    pub(crate) fn told(&self) -> Vec<Value> {
        records(&fs::read_to_string(self.path("told.ndjson")).unwrap_or_default())
    }

    /// The events of it.
    pub(crate) fn events(&self) -> Vec<String> {
        self.told().iter().map(|told| told["event"].as_str().unwrap().to_owned()).collect()
    }

    /// Six failures that were told of at 12:02.
    pub(crate) fn with_incident() -> Self {
        let deployment = Self::new();
        deployment.tick("12:00:00").expect(0);
        deployment.arrive("failures", 85, &six_failures());
        deployment.tick("12:02:00").expect(0);
        assert_eq!(deployment.events(), ["firing"]);
        deployment
    }
}

/// A login that succeeded, so many seconds after noon.
pub(crate) fn success(seconds: u64) -> Span {
    login(1000 + seconds, NOON + seconds * SECOND, "http.status_code", 200)
}

/// A login that failed, so many seconds after noon.
pub(crate) fn failure(seconds: u64) -> Span {
    failed_login(1000 + seconds, NOON + seconds * SECOND)
}

/// All files below a folder, by their names relative to it, sorted.
pub(crate) fn files_below(folder: &Path) -> Vec<String> {
    let files = files::files_below(folder).unwrap().into_iter();
    let mut names: Vec<String> =
        files.map(|file| file.strip_prefix(folder).unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// The record of the only evaluation that a run told of.
pub(crate) fn evaluation(ended: &Ended) -> Value {
    let lines = records(&ended.stderr);
    let [line] = lines.iter().filter(|line| line["message"] == "evaluated").collect::<Vec<_>>()[..] else {
        panic!("not one evaluation: {lines:?}");
    };
    line["evaluation"].clone()
}
