//! Tries hostile input on everything that reads what others wrote.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::Parser;
use fluo_fuzz::attempt::{Limits, attempt};
use fluo_fuzz::input::Inputs;
use fluo_fuzz::supervisor::{Campaign, Outcome, run};
use fluo_fuzz::target::Target;
use fluo_fuzz::targets::all;
use fluo_fuzz::worker::{Work, work};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Tries hostile input on everything that reads what others wrote.
///
/// Example: fluo-fuzz --target rules --inputs 1000000
#[derive(Debug, Parser)]
struct Arguments {
    /// Only this target; may be given more than once. All of them by default.
    #[arg(long)]
    target: Vec<String>,
    /// Inputs for each target.
    #[arg(long, default_value_t = u64::MAX)]
    inputs: u64,
    /// Seconds for all targets together, shared equally.
    #[arg(long, default_value_t = 120.0)]
    seconds: f64,
    /// Other inputs for another seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Targets that are tried at a time.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Seconds that one input may take.
    #[arg(long, default_value_t = 1.0)]
    slow: f64,
    /// Mebibytes of memory that one input may take.
    #[arg(long, default_value_t = 512)]
    memory: usize,
    /// The folder for what was found.
    #[arg(long, default_value = "fuzz-findings")]
    findings: PathBuf,
    /// Tries this one file on the given target, and nothing else.
    #[arg(long)]
    file: Option<PathBuf>,
    /// Be a worker, and keep what is being tried in this file.
    #[arg(long, hide = true)]
    worker: Option<PathBuf>,
    #[arg(long, hide = true, default_value_t = 0)]
    from: u64,
    #[arg(long, hide = true, default_value_t = u64::MAX)]
    to: u64,
}

impl Arguments {
    fn targets(&self) -> io::Result<Vec<Target>> {
        let all = all();
        let unknown = self.target.iter().find(|name| !all.iter().any(|target| target.name == **name));
        if let Some(name) = unknown {
            let names: Vec<&str> = all.iter().map(|target| target.name).collect();
            return Err(io::Error::other(format!("no target `{name}`; there are {}", names.join(", "))));
        }
        let wanted =
            |target: &Target| self.target.is_empty() || self.target.iter().any(|name| name == target.name);
        Ok(all.into_iter().filter(wanted).collect())
    }

    fn limits(&self) -> Limits {
        Limits { time: Duration::from_secs_f64(self.slow), memory: self.memory << 20 }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match begin(&arguments) {
        Ok(code) => code,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "the program's own error")]
            {
                eprintln!("error: {error}");
            }
            ExitCode::from(2)
        }
    }
}

fn begin(arguments: &Arguments) -> io::Result<ExitCode> {
    let targets = arguments.targets()?;
    if let Some(current) = &arguments.worker {
        let target = targets[0];
        let inputs = Inputs::of(target, arguments.seed)?;
        let part =
            Work { from: arguments.from, to: arguments.to, time: Duration::from_secs_f64(arguments.seconds) };
        work(inputs, part, arguments.limits(), &MEMORY, current, &mut io::stdout())?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(file) = &arguments.file {
        return one_file(&targets[0], &std::fs::read(file)?, arguments.limits());
    }
    campaigns(&targets, arguments)
}

/// Tries one input in this very process, so that a debugger sees it.
#[expect(clippy::print_stdout, reason = "what the program is asked for")]
fn one_file(target: &Target, input: &[u8], limits: Limits) -> io::Result<ExitCode> {
    let (cost, failure) = thread::scope(|scope| {
        let trying = || attempt(target, input, &MEMORY, limits);
        let thread =
            thread::Builder::new().stack_size(fluo_fuzz::attempt::STACK_BYTES).spawn_scoped(scope, trying)?;
        thread.join().map_err(|_| io::Error::other("it panicked outside the target"))
    })?;
    println!("{}: {} ms, {} KiB", target.name, cost.time.as_millis(), cost.memory >> 10);
    match failure {
        Some(failure) => {
            println!("{failure}");
            Ok(ExitCode::FAILURE)
        }
        None => Ok(ExitCode::SUCCESS),
    }
}

#[expect(clippy::print_stdout, reason = "what the program is asked for")]
fn campaigns(targets: &[Target], arguments: &Arguments) -> io::Result<ExitCode> {
    let jobs = arguments.jobs.clamp(1, targets.len().max(1));
    let rounds = targets.len().div_ceil(jobs);
    let time = Duration::from_secs_f64(arguments.seconds) / u32::try_from(rounds).unwrap_or(1);
    let mut outcomes: Vec<(Target, Outcome)> = Vec::new();
    for together in targets.chunks(jobs) {
        let done = thread::scope(|scope| -> io::Result<Vec<Outcome>> {
            let mut running = Vec::new();
            for target in together {
                let campaign = Campaign {
                    program: std::env::current_exe()?,
                    seed: arguments.seed,
                    work: Work { from: 0, to: arguments.inputs, time },
                    limits: arguments.limits(),
                    findings: arguments.findings.clone(),
                };
                running.push(scope.spawn(move || run(target, &campaign)));
            }
            let join = |handle: thread::ScopedJoinHandle<'_, io::Result<Outcome>>| {
                handle.join().map_err(|_| io::Error::other("a supervisor panicked"))?
            };
            running.into_iter().map(join).collect()
        })?;
        outcomes.extend(together.iter().copied().zip(done));
    }
    let (mut tried, mut found) = (0, 0);
    for (target, outcome) in &outcomes {
        println!(
            "{:12} {:>9} inputs, longest {} ms, largest {} MiB, {} findings",
            target.name,
            outcome.tried,
            outcome.longest_ms,
            outcome.largest_bytes >> 20,
            outcome.findings.len()
        );
        for finding in &outcome.findings {
            println!("  {}: {}", finding.number, finding.what);
        }
        tried += outcome.tried;
        found += outcome.findings.len();
    }
    println!("{tried} inputs over {} targets, {found} findings", outcomes.len());
    if found > 0 {
        println!("what was found lies in {}", arguments.findings.display());
    }
    Ok(if found > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
