//! `fluo lsp`: the language server, through standard input and output.

mod names;

use std::path::{Path, PathBuf};

use crossbeam_channel::bounded;
use fluo_lsp::{Asked, Connection, Disk, LspError, Started, serve};
use fluo_rules::SourceFile;
use fluo_rules::files::{Kind, is_config_file};
use fluo_store::entries::entries;
use tokio::task::spawn_blocking;

use crate::exit::{Failure, Status};
use crate::rule_files;
use crate::terminal;

/// The levels below a folder that is open on which a `fluo.yml` is looked for.
const CONFIGURATION_DEPTH: usize = 4;

/// Folders that hold other people's files.
const OTHERS: [&str; 3] = ["node_modules", "target", "vendor"];

pub(crate) async fn run() -> Result<Status, Failure> {
    let present = std::env::current_dir()
        .map_err(|error| Failure::because("could not tell the present folder", error))?;
    let (connection, threads) = Connection::stdio();
    let (connection, started) = blocking(move || {
        let started = Started::by(&connection, present);
        (connection, started)
    })
    .await?;
    let started = started.map_err(failed)?;
    // Spans are read meanwhile. Their names may come when nobody waits for them any more.
    let (done, read) = bounded(1);
    let asked = started.asked.clone();
    tokio::spawn(async move {
        match names::of_spans(&asked).await {
            Ok(Some(vocabulary)) => _ = done.send(vocabulary),
            Ok(None) => {}
            // Standard error is what editors show as the server's log.
            Err(failure) => terminal::note(&format!("warning: names are not completed\n{failure}")),
        }
    });
    let ended = blocking(move || {
        let ended = serve(&connection, started, OnDisk, &read);
        drop(connection);
        ended
    })
    .await?;
    let was_shut_down = ended.map_err(failed)?;
    // All that was answered is written before the end.
    let written = blocking(move || threads.join()).await?;
    written.map_err(|error| Failure::because("could not write to the client", error))?;
    if was_shut_down {
        Ok(Status::Done)
    } else {
        // The protocol has it so.
        Ok(Status::Found)
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    spawn_blocking(work).await.map_err(|error| Failure::because("the server stopped", error))
}

fn failed(error: LspError) -> Failure {
    Failure::because("could not serve the editor", error)
        .hint("an editor starts `fluo lsp` and speaks to it; docs/editor.md says how")
}

/// Files as they lie on the disk.
struct OnDisk;

impl Disk for OnDisk {
    fn below(&self, paths: &[PathBuf]) -> Vec<(Kind, SourceFile)> {
        rule_files::read_any(paths)
    }

    fn rules(&self, paths: &[PathBuf]) -> Vec<SourceFile> {
        rule_files::read_deployed(paths).rules
    }

    fn read(&self, path: &Path) -> SourceFile {
        rule_files::read_as_it_is(path)
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn names_in(&self, folder: &Path) -> Vec<String> {
        rule_files::names_in(folder)
    }

    fn configurations(&self, folder: &Path) -> Vec<PathBuf> {
        configurations(folder)
    }
}

/// The files called `fluo.yml` in a folder, and not far below, sorted.
fn configurations(folder: &Path) -> Vec<PathBuf> {
    // A configuration that cannot be looked into could not be read either.
    let found = entries(folder, CONFIGURATION_DEPTH).filter_map(Result::ok);
    let is_own = |name: &str| !name.split('/').any(|part| OTHERS.contains(&part));
    let mut found: Vec<PathBuf> = found
        .filter(|entry| entry.metadata.is_file() && is_config_file(&entry.name) && is_own(&entry.name))
        .map(|entry| entry.file)
        .collect();
    found.sort();
    found
}

/// The configuration of the folders that an editor has open, where there is one.
fn configuration(asked: &Asked) -> Option<PathBuf> {
    asked.folders.iter().find_map(|folder| configurations(folder).into_iter().next())
}
