//! `fluo report`: one page that shows what rules find in stored spans.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use fluo_engine::{LeftOut, session};
use fluo_evaluator::page::look::{ReadSpans, look};

use super::eval::range;
use crate::args::Report;
use crate::exit::{Failure, Status};
use crate::progress::Progress;
use crate::rule_files;
use crate::spans;
use crate::terminal;

pub(crate) async fn run(args: &Report) -> Result<Status, Failure> {
    let range = range(args.from.as_deref(), args.to.as_deref())?;
    writable(&args.out)?;
    let loaded = match rule_files::load_or_tell(&args.rules) {
        Ok((_, loaded)) => loaded,
        Err(status) => return Ok(status),
    };
    let mut spans = spans::open(&args.spans).await?;
    let read = ReadSpans {
        spans: spans.count,
        bytes: spans.bytes,
        set_aside: spans.set_aside.take(),
        mended: spans.mended.take(),
    };
    let rules = loaded.rules.into_iter().map(Arc::new).collect();
    let mut progress = Progress::new("report", spans.bytes);
    let looked = look(&session(), rules, &mut spans.source, range, read).await;
    progress.add(spans.bytes, spans.count);
    for LeftOut { fault, .. } in &looked.left_out {
        spans.left_out(fault);
    }
    for (rule, reason) in &looked.failed {
        terminal::note(&format!("error: {rule} was not judged: {reason}"));
    }
    let html = fluo_report::html(&looked.page);
    fs::write(&args.out, html)
        .map_err(|error| Failure::because(format!("could not write `{}`", args.out.display()), error))?;
    Ok(if spans.incomplete || !looked.failed.is_empty() { Status::Failed } else { Status::Done })
}

/// Refuses a place that no page can be written to, before the spans are read.
fn writable(out: &Path) -> Result<(), Failure> {
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if out.is_dir() {
        return Err(Failure::usage(format!("`{}` is a folder", out.display()))
            .hint("--out names the file to write, such as report.html"));
    }
    if !folder.is_dir() {
        return Err(Failure::usage(format!("there is no folder `{}`", folder.display()))
            .hint("make it, or name another file with --out"));
    }
    Ok(())
}
