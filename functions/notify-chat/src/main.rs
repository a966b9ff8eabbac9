//! `notify-chat`: the binary that Lambda starts.

use std::process::ExitCode;

use fluo_notify_chat::NotifyChat;
use fluo_runtime::{Environment, Invocation, now, serve};

#[tokio::main]
async fn main() -> ExitCode {
    let environment = Environment::of_process();
    let function = NotifyChat::start(&environment, &now).await;
    let handle = async |function: &NotifyChat, invocation: Invocation| function.handle(invocation).await;
    serve("notify-chat", &environment, function, handle).await
}
