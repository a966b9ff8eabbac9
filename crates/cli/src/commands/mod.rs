//! One file a command.

mod check;
mod compact;
mod demo;
mod diff;
mod eval;
mod explain;
mod ingest;
mod init;
mod layout;
mod lsp;
mod replay;
mod report;
mod run;
mod schema;
mod set_back;
mod silence;
mod status;
mod suggest;
mod test;
mod verify;

use clap::CommandFactory;

use crate::args::{Cli, Command};
use crate::exit::{Failure, Status};
use crate::terminal::Output;

/// Runs a command to its end.
pub(crate) async fn run(command: Command) -> Result<Status, Failure> {
    match command {
        Command::Demo(args) => demo::run(&args).await,
        Command::Init(args) => init::run(&args),
        Command::Lsp => lsp::run().await,
        Command::Check(args) => check::run(&args).await,
        Command::Eval(args) => eval::run(&args).await,
        Command::Explain(args) => explain::run(&args),
        Command::Ingest(args) => ingest::run(&args).await,
        Command::Compact(args) => compact::run(&args).await,
        Command::Layout(args) => layout::run(&args).await,
        Command::Suggest(args) => suggest::run(&args).await,
        Command::Test(args) => test::run(&args).await,
        Command::Run(args) => run::run(&args).await,
        Command::Replay(args) => replay::run(&args).await,
        Command::Report(args) => report::run(&args).await,
        Command::Diff(args) => diff::run(&args).await,
        Command::Verify(args) => verify::run(&args).await,
        Command::Status(args) => status::run(&args).await,
        Command::SetBack(args) => set_back::run(&args).await,
        Command::Silence(args) => silence::run(&args.command).await,
        Command::Schema(args) => schema::run(&args),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "fluo", &mut script);
            let mut output = Output::new();
            output.text(&String::from_utf8_lossy(&script))?;
            output.finish()?;
            Ok(Status::Done)
        }
    }
}
