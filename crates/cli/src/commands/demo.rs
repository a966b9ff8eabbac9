//! `fluo demo`: an incident in a simulated shop, and the alert that tells of it.

use std::path::PathBuf;

use fluo_demo::{self as demo, DemoError, folder};
use fluo_time::{Nanos, moment};

use crate::args::Demo;
use crate::edge::now;
use crate::exit::{Failure, Status};
use crate::terminal::{self, Output};

pub(crate) async fn run(args: &Demo) -> Result<Status, Failure> {
    let start = start(args.start.as_deref())?;
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(folder::DEFAULT));
    folder::prepare(&out).map_err(refused)?;
    let story = demo::play(&out, start).await.map_err(refused)?;
    let mut output = Output::new();
    output.text(&demo::tell(&story, &out, terminal::colour_stdout()))?;
    output.finish()?;
    Ok(Status::Done)
}

/// The failure that a demo's error is to whoever started it.
fn refused(error: DemoError) -> Failure {
    match error {
        DemoError::NoFolder(_) => Failure::usage(error.to_string()).hint("--out names a folder"),
        DemoError::NotEmpty(_) => {
            Failure::usage(error.to_string()).hint("give an empty or new folder with --out DIR")
        }
        DemoError::Failed { tried, source } => Failure::because(tried, source),
    }
}

/// The whole minute at which the story begins: as given, or so that it has just ended.
fn start(given: Option<&str>) -> Result<i64, Failure> {
    let now = now();
    let start = match given {
        Some(text) => moment::parse(text, now).map_err(|error| Failure::usage(error.to_string()))?,
        None => now.saturating_sub(demo::LENGTH.0),
    };
    // A day at either end leaves room for windows before, and for ends behind.
    if !(Nanos::DAY.0..i64::MAX - Nanos::DAY.0).contains(&start) {
        return Err(Failure::usage("--start lies outside the years 1970 to 2262"));
    }
    Ok(start - start.rem_euclid(Nanos::MINUTE.0))
}
