//! The places of the store: a folder on a small disk, or a bucket behind a network that fails.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use fluo_end_to_end::faults::{Fault, Network};
use fluo_end_to_end::http::Request;
use fluo_end_to_end::process::Process;
use fluo_end_to_end::{programs, wait};
use fluo_store::{Root, open_root};
use fluo_tests::files::files_below;
use fluo_tests::http::free_port;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStoreExt as _, PutPayload};
use tempfile::TempDir;
use tokio::sync::Notify;

/// The requests that an outage is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requests {
    Get,
    List,
    Put,
    All,
}

/// The way in which a request fails in an outage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    Busy,
    Forbidden,
    Reset,
    Half,
    Hang,
}

/// A store, as evaluators and ingest see it.
pub(crate) trait Place {
    /// Its URI in `fluo.yml`.
    fn uri(&self) -> String;
    /// Returns the variables that programs need in their environment.
    fn environment(&self) -> Vec<(&'static str, String)>;
    /// Brings the spans of an OTLP file into it; returns whether that was done.
    async fn ingest(&self, file: &Path) -> bool;
    /// Fails these requests from now on.
    fn cut(&self, requests: Requests, failure: Failure);
    /// Leaves no room on its disk, or gives it back.
    fn fill(&self, full: bool);
    /// Passes everything on, and has room again.
    fn heal(&self);
}

fn ingest(file: &Path, store: &str) -> bool {
    let mut command = Command::new(programs::fluo());
    command.arg("ingest").arg(file).args(["--spans", store]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success()
}

/// A folder on a disk of its own, which can be filled.
pub(crate) struct Folder {
    folder: TempDir,
}

/// The size of that disk, as `mount` takes it: what is kept of a second is some 16 KiB.
fn disk() -> String {
    format!("size={}k", 48 * 1024 + 16 * crate::time().as_secs())
}

impl Folder {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mounted =
            Command::new("mount").args(["-t", "tmpfs", "-o", &disk(), "tmpfs"]).arg(folder.path()).status();
        assert!(mounted.unwrap().success(), "a disk of its own needs the rights to mount one");
        fs::create_dir(folder.path().join("store")).unwrap();
        Self { folder }
    }

    fn filler(&self) -> PathBuf {
        self.folder.path().join("filler")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left busy goes with the machine.
        let _unmounted = Command::new("umount").arg("-l").arg(self.folder.path()).status();
    }
}

impl Place for Folder {
    fn uri(&self) -> String {
        self.folder.path().join("store").display().to_string()
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    async fn ingest(&self, file: &Path) -> bool {
        ingest(file, &self.uri())
    }

    fn cut(&self, _requests: Requests, _failure: Failure) {}

    fn fill(&self, full: bool) {
        if full {
            // Until there is no room: writing ends with an error.
            let mut command = Command::new("dd");
            command.args(["if=/dev/zero", "bs=4k", &format!("of={}", self.filler().display())]);
            let filled = command.stderr(Stdio::null()).status().unwrap();
            assert!(!filled.success(), "the disk is full");
        } else if self.filler().exists() {
            fs::remove_file(self.filler()).unwrap();
        }
    }

    fn heal(&self) {
        self.fill(false);
    }
}

/// A bucket of a real S3 server, reached by evaluators through a network that can fail, and by ingest without.
pub(crate) struct Bucket {
    network: Network,
    direct: Root,
    scratch: TempDir,
    _server: Process,
    _folder: TempDir,
}

const KEY: &str = "chaos";
const SECRET: &str = "chaos-and-order";

impl Bucket {
    pub(crate) async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join("fluo-chaos")).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(programs::s3_server());
        command.args(["--port", &address, "posix"]).arg(folder.path());
        command.env("ROOT_ACCESS_KEY", KEY).env("ROOT_SECRET_KEY", SECRET);
        let server = Process::start("the S3 server", &mut command);
        let endpoint = format!("http://{address}");
        wait::until("the S3 server answers", async || reqwest::get(&endpoint).await.ok()).await;
        let network = Network::to(&endpoint).await;
        let environment = environment(&endpoint);
        let direct = open_root("s3://fluo-chaos", &|name| {
            environment.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone())
        })
        .unwrap();
        Self { network, direct, scratch: TempDir::new().unwrap(), _server: server, _folder: folder }
    }
}

fn environment(endpoint: &str) -> Vec<(&'static str, String)> {
    vec![
        ("AWS_ENDPOINT_URL", endpoint.to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
    ]
}

impl Place for Bucket {
    fn uri(&self) -> String {
        "s3://fluo-chaos".to_owned()
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        environment(&self.network.endpoint())
    }

    async fn ingest(&self, file: &Path) -> bool {
        let local = TempDir::new_in(self.scratch.path()).unwrap();
        if !ingest(file, &local.path().display().to_string()) {
            return false;
        }
        for path in files_below(local.path()).unwrap() {
            let key = path.strip_prefix(local.path()).unwrap().to_str().unwrap();
            let payload = PutPayload::from(fs::read(&path).unwrap());
            self.direct.store.put(&ObjectPath::from(key), payload).await.unwrap();
        }
        true
    }

    fn cut(&self, requests: Requests, failure: Failure) {
        self.network.fail(move |request| concerns(request, requests).then(|| fault(failure)));
    }

    fn fill(&self, _full: bool) {}

    fn heal(&self) {
        self.network.heal();
    }
}

fn concerns(request: &Request, requests: Requests) -> bool {
    let is_list = request.path.contains("list-type=");
    match requests {
        Requests::Get => matches!(request.method.as_str(), "GET" | "HEAD") && !is_list,
        Requests::List => is_list,
        Requests::Put => request.method == "PUT",
        Requests::All => true,
    }
}

fn fault(failure: Failure) -> Fault {
    match failure {
        Failure::Busy => Fault::Status(503),
        Failure::Forbidden => Fault::Status(403),
        Failure::Reset => Fault::Reset,
        Failure::Half => Fault::Half,
        Failure::Hang => Fault::HoldBefore(Arc::new(Notify::new())),
    }
}
