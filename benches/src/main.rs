//! Writes the spans that `docs/performance.md` measures on: one Parquet file a minute, as ingest would write them.
//!
//! Twenty services; one span in two hundred of `auth-service` is a failed login (401, `AuthenticationError`), and in
//! one minute in the middle there are many. One span in a hundred is delivered twice, in the file of the next minute.
//! The same arguments give the same bytes.

mod requests;
mod shop;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use clap::Parser;
use fluo_spans::layout::Layout;
use fluo_spans::span::Span;
use fluo_store::parquet_write::to_parquet;
use fluo_store::{Content, DataFileName, Hour};

/// Spans for measuring.
#[derive(Debug, Parser)]
struct Args {
    /// Spans in all, redelivered ones not counted
    #[arg(long, default_value_t = 10_000_000)]
    spans: u64,
    /// Minutes that they are spread over, one file each
    #[arg(long, default_value_t = 60)]
    minutes: u64,
    /// Files a minute: a gateway that sends every ten seconds makes six
    #[arg(long, default_value_t = 1)]
    files_a_minute: usize,
    /// Nanoseconds between two ticks of the senders' clocks
    #[arg(long, default_value_t = 1)]
    clock: u64,
    /// Whole requests, of five spans each, in the place of spans that belong to nothing
    #[arg(long)]
    requests: bool,
    /// The folder in which `spans/` is made
    #[arg(long)]
    out: PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let layout = Layout::builtin();
    let a_minute = args.spans / args.minutes;
    let (mut again, mut later): (Vec<Span>, Vec<Span>) = (Vec::new(), Vec::new());
    for minute in 0..args.minutes {
        let mut spans = if args.requests {
            let mut spans = requests::minute(minute, a_minute / requests::SPANS);
            spans.append(&mut later);
            let is_now =
                |span: &Span| span.end_ns.cast_unsigned() < shop::START_NS + (minute + 1) * shop::MINUTE_NS;
            (spans, later) = spans.into_iter().partition(|span| minute + 1 == args.minutes || is_now(span));
            spans
        } else {
            shop::minute(minute, args.minutes, a_minute, args.clock.max(1))
        };
        let redelivered = std::mem::take(&mut again);
        again = spans.iter().step_by(100).cloned().collect();
        spans.extend(redelivered);
        // Redelivered spans of the hour before go to a file of their own hour, as ingest does it.
        let hours: std::collections::BTreeSet<Hour> =
            spans.iter().map(|span| Hour::of_ns(span.end_ns)).collect();
        for hour in hours {
            let mut of_hour: Vec<Span> =
                spans.iter().filter(|span| Hour::of_ns(span.end_ns) == hour).cloned().collect();
            if args.files_a_minute > 1 {
                of_hour.sort_by_key(|span| span.end_ns);
            }
            let a_file = of_hour.len().div_ceil(args.files_a_minute).max(1);
            for (part, spans) in of_hour.chunks(a_file).enumerate() {
                let ends = spans.iter().map(|span| span.end_ns);
                let ends = ends.clone().min().unwrap_or(0)..=ends.max().unwrap_or(0);
                let of = if args.files_a_minute > 1 {
                    format!(", {part} of {}", args.files_a_minute)
                } else {
                    String::new()
                };
                let content =
                    format!("{minute} of {} with {} by {}{of}", args.minutes, args.spans, args.clock);
                let content = if args.requests { format!("requests, {content}") } else { content };
                let content = Content::of(content.as_bytes());
                let name = DataFileName::new(ends, spans.len() as u64, content, layout.number, 1)?;
                let folder = args.out.join("spans").join(hour.partition().trim_start_matches("spans/"));
                fs::create_dir_all(&folder)?;
                fs::write(folder.join(name.to_string()), to_parquet(spans, 0, &layout)?)?;
            }
        }
    }
    Ok(())
}
