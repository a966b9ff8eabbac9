//! `notify-chat`: the binary that Lambda starts.

use std::process::ExitCode;

use fluo_notify_chat::NotifyChat;
use fluo_runtime::{Environment, Invocation, now, serve};

#[tokio::main]
async fn main() -> ExitCode {
    let function = NotifyChat::start(&Environment::of_process(), &now).await;
    serve(function, async |function: &NotifyChat, invocation: Invocation| function.handle(invocation).await)
        .await
}
