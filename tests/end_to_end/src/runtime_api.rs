//! An execution environment of Lambda: one process of a function, and the Runtime API that it asks for work.
//!
//! ```text
//!  invoke ─▶ GET /2018-06-01/runtime/invocation/next ─▶ function ─▶ POST …/invocation/{id}/response or …/error ─▶ Outcome
//! ```
//!
//! An environment serves one invocation at a time and is used again while its process lives. As in Lambda, the process is
//! killed at its deadline. It is not frozen between invocations.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::http::{Request, Response, Server};
use crate::process::Process;
use crate::wait::PATIENCE;

/// The outcome of an invocation.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// With an answer.
    Answered(Value),
    /// With an error that the function reported.
    Failed(Value),
    /// The deadline came, or the scenario ended the process.
    Killed,
    /// The process ended by itself.
    Ended(String),
}

impl Outcome {
    /// The answer.
    ///
    /// # Panics
    ///
    /// Panics where there is none.
    #[track_caller]
    pub fn answer(self) -> Value {
        match self {
            Self::Answered(answer) => answer,
            other => panic!("the function did not answer: {other:?}"),
        }
    }
}

/// The configuration of a function at Lambda.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// The function's name.
    pub name: String,
    /// The command that starts its process, without an environment.
    pub program: Vec<std::ffi::OsString>,
    /// Its environment beside what Lambda sets.
    pub variables: BTreeMap<String, String>,
    /// The time that an invocation may take.
    pub timeout: Duration,
}

/// Region and account that everything here belongs to, as the stand-in has them.
pub const REGION: &str = "us-east-1";
/// See [`REGION`].
pub const ACCOUNT: &str = "123456789012";

struct Invocation {
    event: Value,
    timeout: Duration,
    /// Told when the function took it; what [`Environment::invoke`] counts from.
    taken: oneshot::Sender<()>,
    ended: oneshot::Sender<Outcome>,
}

/// One process and its Runtime API.
pub struct Environment {
    process: Process,
    invocations: mpsc::Sender<Invocation>,
    _server: Server,
}

impl fmt::Debug for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Environment").field("process", &self.process).finish_non_exhaustive()
    }
}

impl Environment {
    /// Starts the process; it asks for its first invocation when it is ready.
    pub async fn start(configuration: &Configuration) -> Self {
        let (invocations, given) = mpsc::channel(1);
        let api = Arc::new(Api {
            arn: format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{}", configuration.name),
            given: tokio::sync::Mutex::new(given),
            running: Mutex::new(None),
        });
        let server = Server::start(move |request| {
            let api = Arc::clone(&api);
            async move { api.answer(request).await }
        })
        .await;
        let (program, arguments) = configuration.program.split_first().expect("a program");
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(lambda(&configuration.name, server.address()));
        command.envs(&configuration.variables);
        let process = Process::start(&configuration.name, &mut command);
        Self { process, invocations, _server: server }
    }

    /// Hands the function an event and waits for its answer, for its deadline, or for `kill`.
    ///
    /// After anything but an answer or a reported error the process is dead.
    pub async fn invoke(
        &mut self,
        event: Value,
        timeout: Duration,
        kill: impl Future<Output = ()>,
    ) -> Outcome {
        let (taken, was_taken) = oneshot::channel();
        let (ended, mut has_ended) = oneshot::channel();
        assert!(
            self.invocations.send(Invocation { event, timeout, taken, ended }).await.is_ok(),
            "the Runtime API is gone"
        );
        let deadline = async {
            // Lambda counts the initialization apart.
            let started = tokio::time::timeout(PATIENCE, was_taken).await;
            assert!(matches!(started, Ok(Ok(()))), "the function never asked for an invocation");
            tokio::time::sleep(timeout).await;
        };
        tokio::pin!(deadline, kill);
        let mut look = tokio::time::interval(Duration::from_millis(20));
        loop {
            tokio::select! {
                biased;
                outcome = &mut has_ended => match outcome {
                    Ok(outcome) => return outcome,
                    Err(_) => return self.ended(),
                },
                () = &mut kill => break,
                () = &mut deadline => break,
                _ = look.tick() => if let Some(status) = self.process.ended() {
                    return Outcome::Ended(format!("{status}: {}", self.process.log()));
                },
            }
        }
        self.process.kill();
        Outcome::Killed
    }

    /// Returns what the function wrote to standard output and error.
    pub fn log(&self) -> String {
        self.process.log()
    }

    fn ended(&mut self) -> Outcome {
        self.process.kill();
        Outcome::Ended(self.process.log())
    }
}

/// Returns the variables that Lambda sets for every function.
fn lambda(name: &str, api: &str) -> BTreeMap<String, String> {
    [
        ("AWS_LAMBDA_RUNTIME_API", api),
        ("AWS_LAMBDA_FUNCTION_NAME", name),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/stand-in"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/11/22/[$LATEST]stand-in"),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_EXECUTION_ENV", "AWS_Lambda_provided.al2023"),
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "testtest"),
        ("AWS_SESSION_TOKEN", "test"),
        ("LAMBDA_TASK_ROOT", "/var/task"),
        ("_HANDLER", "bootstrap"),
        ("TZ", ":UTC"),
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// The Runtime API of one environment.
struct Api {
    arn: String,
    given: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    /// The invocation that the function has taken, and who waits for it.
    running: Mutex<Option<(String, oneshot::Sender<Outcome>)>>,
}

impl Api {
    async fn answer(&self, request: Request) -> Response {
        let path = request.path.strip_prefix("/2018-06-01/runtime/").unwrap_or_default().to_owned();
        let parts: Vec<&str> = path.split('/').collect();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["invocation", "next"]) => self.next().await,
            ("POST", ["invocation", id, "response"]) => self.end(id, Outcome::Answered(request.json())),
            ("POST", ["invocation", id, "error"]) => self.end(id, Outcome::Failed(request.json())),
            // The process ends by itself, and that is seen.
            ("POST", ["init", "error"]) => Response::new(202, "{}"),
            _ => Response::new(404, "{}"),
        }
    }

    /// Waits for an invocation: a request that may take hours, as in Lambda.
    async fn next(&self) -> Response {
        let Some(invocation) = self.given.lock().await.recv().await else {
            return Response::new(500, "{}");
        };
        let id = request_id();
        let now = u128::try_from(Timestamp::now().as_millisecond()).unwrap_or_default();
        let deadline = now + invocation.timeout.as_millis();
        *self.running.lock().unwrap() = Some((id.clone(), invocation.ended));
        // Whoever invoked may have given up.
        let _given_up = invocation.taken.send(());
        Response::new(200, invocation.event.to_string())
            .with("content-type", "application/json")
            .with("Lambda-Runtime-Aws-Request-Id", id)
            .with("Lambda-Runtime-Deadline-Ms", deadline.to_string())
            .with("Lambda-Runtime-Invoked-Function-Arn", &self.arn)
            .with("Lambda-Runtime-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0")
    }

    fn end(&self, id: &str, outcome: Outcome) -> Response {
        match self.running.lock().unwrap().take_if(|(running, _)| running == id) {
            Some((_, ended)) => {
                // Whoever invoked may have given up.
                let _given_up = ended.send(outcome);
                Response::new(202, r#"{"status":"OK"}"#)
            }
            None => Response::new(400, r#"{"errorType":"InvalidRequestID"}"#),
        }
    }
}

/// Of the form of a UUID, and unlike any other of this process.
fn request_id() -> String {
    static REQUESTS: AtomicU64 = AtomicU64::new(1);
    format!("8476a536-e9f4-4d53-8f1b-{:012x}", REQUESTS.fetch_add(1, Ordering::Relaxed))
}
