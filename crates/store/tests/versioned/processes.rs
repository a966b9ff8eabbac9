//! A folder and several processes, some of which are killed at whatever instruction they are at.
//!
//! The other processes are this test program again, which runs [`worker`] alone.

use std::io::{BufRead, BufReader, Lines, Write as _};
use std::path::Path as FilePath;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use fluo_store::{Swap, Versioned, VersionedFolder};
use object_store::path::Path;
use sha2::{Digest, Sha256};

const FOLDER: &str = "FLUO_TEST_FOLDER";
const ROUNDS: &str = "FLUO_TEST_ROUNDS";
const COUNTER: &str = "state/counter";

/// Large enough that writing takes a while, in which a process can be killed.
const STATE_BYTES: usize = 64 << 10;

/// A count, and bytes that belong to it and to no other.
fn state_of(count: u64) -> Bytes {
    let mut text = format!("{count}\n");
    let line = format!("{:x}\n", Sha256::digest(text.as_bytes()));
    text.push_str(&line.repeat(STATE_BYTES / line.len()));
    Bytes::from(text)
}

/// The count of a state, which must be whole.
fn count_of(state: &Bytes) -> u64 {
    let text = str::from_utf8(state).unwrap();
    let count = text.lines().next().unwrap().parse().unwrap();
    assert_eq!(*state, state_of(count), "the state of {count} is torn");
    count
}

async fn count_in(folder: &FilePath) -> u64 {
    let store = VersionedFolder::new(folder).unwrap();
    store.read(&Path::from(COUNTER)).await.unwrap().map_or(0, |(state, _)| count_of(&state))
}

/// Adds one as often as it was told to, and prints each count that it made.
#[tokio::test]
#[ignore = "a process of the scenarios below, not a scenario"]
async fn worker() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let rounds: u64 = std::env::var(ROUNDS).unwrap().parse().unwrap();
    let store = VersionedFolder::new(FilePath::new(&folder)).unwrap();
    let path = Path::from(COUNTER);
    writeln!(std::io::stdout(), "ready").unwrap();
    for _ in 0..rounds {
        loop {
            let read = store.read(&path).await.unwrap();
            let count = read.as_ref().map_or(0, |(state, _)| count_of(state)) + 1;
            let version = read.map(|(_, version)| version);
            if let Swap::Swapped(_) = store.swap(&path, version.as_ref(), state_of(count)).await.unwrap() {
                writeln!(std::io::stdout(), "made {count}").unwrap();
                break;
            }
        }
    }
}

fn start(folder: &FilePath, rounds: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::worker", "--ignored", "--nocapture", "--quiet"])
        .env(FOLDER, folder)
        .env(ROUNDS, rounds.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Returns the lines that a process prints, once it is at work.
fn at_work(worker: &mut Child) -> Lines<BufReader<ChildStdout>> {
    let mut lines = BufReader::new(worker.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "ready"), "it ended before it began");
    lines
}

/// The counts that a process printed until it ended.
fn made(lines: Lines<BufReader<ChildStdout>>) -> Vec<u64> {
    lines.map(Result::unwrap).filter_map(|line| made_by(&line)).collect()
}

/// The count that a line tells.
fn made_by(line: &str) -> Option<u64> {
    line.strip_prefix("made ").map(|count| count.parse().unwrap())
}

#[tokio::test]
async fn four_processes_lose_no_increment() {
    const ROUNDS: u64 = 25;
    let folder = tempfile::tempdir().unwrap();
    let workers: Vec<Child> = (0..4).map(|_| start(folder.path(), ROUNDS)).collect();
    let mut counts = Vec::new();
    for mut worker in workers {
        counts.extend(made(at_work(&mut worker)));
        assert!(worker.wait().unwrap().success());
    }
    counts.sort_unstable();
    assert_eq!(counts, (1..=4 * ROUNDS).collect::<Vec<_>>(), "a count was made twice or by nobody");
    assert_eq!(count_in(folder.path()).await, 4 * ROUNDS);
}

#[tokio::test]
async fn processes_that_are_killed_leave_one_whole_state() {
    const KILLS: u64 = 24;
    let folder = tempfile::tempdir().unwrap();
    let (mut counts, mut before) = (Vec::new(), 0);
    for kill in 0..KILLS {
        let mut pair = [start(folder.path(), u64::MAX), start(folder.path(), u64::MAX)];
        let mut output = pair.each_mut().map(at_work);
        // Both are at it when one has made a count, however busy the machine is. From there on different moments each
        // time, so that every step of a swap is met.
        counts.extend(output[0].by_ref().map(Result::unwrap).find_map(|line| made_by(&line)));
        std::thread::sleep(Duration::from_micros(kill * 2_701));
        for worker in &mut pair {
            worker.kill().unwrap();
        }
        for (worker, lines) in pair.iter_mut().zip(output) {
            worker.wait().unwrap();
            counts.extend(made(lines));
        }
        let told = counts.iter().max().copied().unwrap_or(0).max(before);
        let count = count_in(folder.path()).await;
        // One swap of each process may have been done and not told.
        assert!((told..=told + 2).contains(&count), "{count} is stored, {told} was told after kill {kill}");
        before = count;
    }
    assert!(counts.len() as u64 >= KILLS, "only {} swaps came to pass", counts.len());
    let swaps = counts.len();
    counts.sort_unstable();
    counts.dedup();
    assert_eq!(counts.len(), swaps, "two processes made the same count");

    // Whoever comes next finds the lock free, goes on, and nothing is left over.
    let mut next = start(folder.path(), 1);
    assert!(next.wait().unwrap().success());
    assert_eq!(count_in(folder.path()).await, before + 1);
    let mut names: Vec<_> = std::fs::read_dir(folder.path().join("state"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, [".counter.generation", ".lock", "counter"]);
}
