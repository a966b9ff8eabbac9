//! `fluo set-back`: a state from the future set right.

use fluo_evaluator::set_back::{self, SetBack, SetBackError};
use fluo_evaluator::{Host, Stop};
use fluo_time::moment;

use crate::args::SetBackArgs;
use crate::deployed::Configured;
use crate::edge::{nonce, now};
use crate::exit::{Failure, Status};
use crate::terminal::Output;

pub(crate) async fn run(args: &SetBackArgs) -> Result<Status, Failure> {
    let configured = Configured::read(&args.config)?;
    let root = configured.root()?;
    let usage = |error: &dyn std::fmt::Display| Failure::usage(error.to_string());
    let to = args.to.as_ref().map(|text| moment::parse(text, now())).transpose();
    let to = to.map_err(|error| usage(&error))?;
    let (nonce, stop) = (nonce(), Stop::default());
    let host = Host {
        root: &root,
        sinks: &[],
        clock: &now,
        nonce: &nonce,
        deadline: None,
        stop: &stop,
        evaluated: &|_| {},
    };
    let set_back = set_back::set_back(host, &configured.config.settings(), to).await;
    let SetBack { from, to } = set_back.map_err(|error| match error {
        SetBackError::Store(_) | SetBackError::State(_) => {
            Failure::because(format!("could not set back the state in `{}`", configured.config.store), error)
        }
        error => usage(&error),
    })?;
    let mut output = Output::new();
    output.text(&format!(
        "The state is set back from {} to {}. The next evaluation judges what came since then.\n",
        moment::format(from),
        moment::format(to)
    ))?;
    output.finish()?;
    Ok(Status::Done)
}
