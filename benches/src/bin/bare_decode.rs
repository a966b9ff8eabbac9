//! The limit that `docs/performance.md` holds fluo against: columns of Parquet files, decoded on all processors, and
//! nothing done with them.

use std::error::Error;
use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use clap::Parser;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};

/// Decodes columns, and says how many rows they have.
#[derive(Debug, Parser)]
struct Args {
    /// Names of the columns, separated by commas
    #[arg(long, value_delimiter = ',')]
    columns: Vec<String>,
    /// Decode texts row by row, as readers do that do not know of dictionaries
    #[arg(long)]
    plain: bool,
    /// Parquet files
    files: Vec<PathBuf>,
}

#[expect(clippy::print_stdout, reason = "what the program is asked for")]
fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism()?.get();
    let rows: Result<Vec<usize>, String> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(&args, &next))).collect();
        threads
            .into_iter()
            .map(|thread| {
                thread.join().map_err(|_| "a thread panicked".to_owned())?.map_err(|error| error.to_string())
            })
            .collect()
    });
    println!("{}", rows?.iter().sum::<usize>());
    Ok(())
}

/// Decodes one file after the other, and returns the rows of all.
fn work(args: &Args, next: &AtomicUsize) -> Result<usize, Box<dyn Error + Send + Sync>> {
    let mut rows = 0;
    while let Some(path) = args.files.get(next.fetch_add(1, Ordering::Relaxed)) {
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(args.plain);
        let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(File::open(path)?, options)?;
        let names = args.columns.iter().map(String::as_str);
        let mask = ProjectionMask::columns(builder.parquet_schema(), names);
        for batch in builder.with_projection(mask).with_batch_size(8192).build()? {
            rows += batch?.num_rows();
        }
    }
    Ok(rows)
}
