//! Starts workers, sees them die or hang, and keeps what killed them.

use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::attempt::Limits;
use crate::input::Inputs;
use crate::target::Target;
use crate::worker::Work;

/// The inputs that are tried of a target, and how.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// The program that becomes a worker when it is told to.
    pub program: PathBuf,
    /// The seed of the inputs.
    pub seed: u64,
    /// The inputs that are tried.
    pub work: Work,
    /// The cost that one input may have.
    pub limits: Limits,
    /// The folder for what was found.
    pub findings: PathBuf,
}

/// Something that a target did not survive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The input's number.
    pub number: u64,
    /// The text of what happened.
    pub what: String,
}

/// The result of a campaign.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Inputs that were tried.
    pub tried: u64,
    /// The longest time of one, in milliseconds.
    pub longest_ms: u64,
    /// The most memory of one, in bytes.
    pub largest_bytes: u64,
    /// The findings.
    pub findings: Vec<Finding>,
}

/// The time that an input may take before its worker is ended, beyond what it may take at all.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most findings of one campaign: more of them say no more.
const MOST_FINDINGS: usize = 50;

/// Runs a campaign to its end, with as many workers one after another as it takes.
pub fn run(target: &Target, campaign: &Campaign) -> io::Result<Outcome> {
    fs::create_dir_all(&campaign.findings)?;
    let began = Instant::now();
    let mut outcome = Outcome::default();
    let mut from = campaign.work.from;
    while from < campaign.work.to && outcome.findings.len() < MOST_FINDINGS {
        let left = campaign.work.time.saturating_sub(began.elapsed());
        if left.is_zero() {
            break;
        }
        let work = Work { from, time: left, ..campaign.work };
        match one_worker(target, campaign, work, &mut outcome)? {
            Some(died_of) => {
                outcome.tried += died_of + 1 - from;
                from = died_of + 1;
            }
            None => break,
        }
    }
    Ok(outcome)
}

/// Runs one worker; the number of the input that it died of, where it did.
fn one_worker(
    target: &Target,
    campaign: &Campaign,
    work: Work,
    outcome: &mut Outcome,
) -> io::Result<Option<u64>> {
    let current = campaign.findings.join(format!(".current-{}-{}", target.name, std::process::id()));
    let mut child = Command::new(&campaign.program)
        .args(["--target", target.name, "--seed", &campaign.seed.to_string()])
        .args(["--from", &work.from.to_string(), "--to", &work.to.to_string()])
        .args(["--seconds", &work.time.as_secs_f64().to_string()])
        .args(["--slow", &campaign.limits.time.as_secs_f64().to_string()])
        .args(["--memory", &(campaign.limits.memory >> 20).to_string()])
        .arg("--worker")
        .arg(&current)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let lines = lines_of(&mut child)?;
    let mut ended = false;
    let mut last: Option<(u64, Instant)> = None;
    let mut why = "the process died (a stack that overflowed, or an abort)";
    loop {
        match lines.recv_timeout(Duration::from_millis(200)) {
            Ok(line) => ended |= take(&line, target, campaign, outcome)?,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                let number = read_current(&current);
                last = match (last, number) {
                    (Some((before, since)), Some(now)) if before == now => Some((before, since)),
                    (_, now) => now.map(|now| (now, Instant::now())),
                };
                if last.is_some_and(|(_, since)| since.elapsed() > campaign.limits.time + PATIENCE) {
                    why = "it did not end";
                    child.kill()?;
                }
            }
        }
    }
    let status = child.wait()?;
    let died_of = match read_current(&current) {
        _ if ended => None,
        Some(number) => {
            keep(target, campaign, number)?;
            outcome.findings.push(Finding { number, what: format!("{why}: {status}") });
            Some(number)
        }
        None => return Err(io::Error::other(format!("a worker ended before its first input: {status}"))),
    };
    if current.exists() {
        fs::remove_file(&current)?;
    }
    Ok(died_of)
}

/// Returns what a worker says, line by line.
fn lines_of(child: &mut Child) -> io::Result<Receiver<String>> {
    let output = child.stdout.take().ok_or_else(|| io::Error::other("a worker has no output"))?;
    let (send, receive) = channel();
    thread::spawn(move || {
        // Ends with the worker, or when nobody listens any more.
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    Ok(receive)
}

/// Takes a line of a worker; whether it was its last one.
fn take(line: &str, target: &Target, campaign: &Campaign, outcome: &mut Outcome) -> io::Result<bool> {
    let line: Value = serde_json::from_str(line).map_err(io::Error::other)?;
    if let Some(tried) = line["tried"].as_u64() {
        outcome.tried += tried;
        outcome.longest_ms = outcome.longest_ms.max(line["longest_ms"].as_u64().unwrap_or_default());
        outcome.largest_bytes = outcome.largest_bytes.max(line["largest_bytes"].as_u64().unwrap_or_default());
        return Ok(true);
    }
    let number = line["number"].as_u64().unwrap_or_default();
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let place = text("at");
    let what = if place.is_empty() { text("failure") } else { format!("{} ({place})", text("failure")) };
    // The same panic again is no other finding.
    let known = outcome
        .findings
        .iter()
        .any(|finding| !place.is_empty() && finding.what.ends_with(&format!("({place})")));
    if !known && outcome.findings.len() < MOST_FINDINGS {
        keep(target, campaign, number)?;
        outcome.findings.push(Finding { number, what });
    }
    Ok(false)
}

/// The number of the input that a worker tries, as it left it.
fn read_current(path: &Path) -> Option<u64> {
    // It is there once the worker has begun.
    let bytes = fs::read(path).ok()?;
    bytes.as_slice().try_into().ok().map(u64::from_le_bytes)
}

/// Puts an input where people find it.
fn keep(target: &Target, campaign: &Campaign, number: u64) -> io::Result<()> {
    let input = Inputs::of(*target, campaign.seed)?.get(number);
    fs::write(campaign.findings.join(format!("{}-{}-{number}", target.name, campaign.seed)), input)
}
