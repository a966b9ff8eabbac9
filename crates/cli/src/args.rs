//! The command line as clap reads it. Every command's help shows an example.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Behavioural assurance for OpenTelemetry traces on your own object storage.
#[derive(Debug, Parser)]
#[command(name = "fluo", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Example: fluo eval --rules rules --spans spans.otlp.json")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The whole story, offline: an incident in a simulated shop, and the alert that tells of it
    #[command(after_help = "Example: fluo demo --out demo")]
    Demo(Demo),
    /// Find every mistake in rule files
    #[command(after_help = "Example: fluo check rules --format github")]
    Check(Check),
    /// Judge stored spans once: every violation in the range
    #[command(after_help = "Example: fluo eval --rules rules --spans bucket --from -1h --format ndjson")]
    Eval(Eval),
    /// What a rule means: in words, as SQL, as a query plan
    #[command(after_help = "Example: fluo explain AuthFailuresRule --rules rules --format sql")]
    Explain(Explain),
    /// Turn OTLP (JSON, NDJSON, protobuf, the file exporter's form; gzip, zstd or plain) into Parquet
    #[command(after_help = "Example: fluo ingest raw/ --spans bucket")]
    Ingest(Ingest),
    /// Run the rules' unit tests
    #[command(after_help = "Example: fluo test rules --format junit")]
    Test(Test),
    /// Evaluate rules as spans arrive, and tell what is found: as a process, or one tick
    #[command(after_help = "Example: fluo run --config fluo.yml --once")]
    Run(Run),
    /// What would have been alerted in the past, when, and how it would have ended
    #[command(after_help = "Example: fluo replay --rules rules --spans bucket --from -1d --to now")]
    Replay(Replay),
    /// Print the JSON Schema of rule files, for editors
    #[command(after_help = "Example: fluo schema > fluo-rules.schema.json")]
    Schema,
    /// Print a shell's completion script
    #[command(after_help = "Example: fluo completions bash > /etc/bash_completion.d/fluo")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Where to leave the raw objects, span files, violations and report [default: a new folder `fluo-demo`]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// When the story begins, to the minute: RFC 3339, or relative to now as -2h. The same start gives the same
    /// files [default: so that it ends now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) start: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Rule files and folders
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// How to print what is found
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    pub(crate) format: CheckFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckFormat {
    /// Source lines with the mistake underlined
    Human,
    /// One array
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Workflow commands that annotate a pull request
    Github,
}

#[derive(Debug, Args)]
pub(crate) struct Eval {
    /// Rule files and folders
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) rules: Vec<PathBuf>,
    /// Parquet files, OTLP files, or folders of either
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) spans: Vec<PathBuf>,
    /// First moment to judge: RFC 3339, or relative to now as -15m [default: the first span's end, for rules on
    /// the grid one window later]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,
    /// Last moment to judge [default: the last span's end]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,
    /// How to print violations
    #[arg(long, value_enum, default_value_t = EvalFormat::Table)]
    pub(crate) format: EvalFormat,
    /// End with status 1 when there is a violation
    #[arg(long)]
    pub(crate) fail_on_violation: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EvalFormat {
    /// For people
    Table,
    /// One array
    Json,
    /// One violation a line
    Ndjson,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Name of the rule
    pub(crate) rule: String,
    /// Rule files and folders
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) rules: Vec<PathBuf>,
    /// What to print
    #[arg(long, value_enum, default_value_t = ExplainFormat::Text)]
    pub(crate) format: ExplainFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExplainFormat {
    /// Words, then the SQL
    Text,
    /// One SQL statement over the table `spans`
    Sql,
    /// DataFusion's logical plan
    Plan,
}

#[derive(Debug, Args)]
pub(crate) struct Ingest {
    /// OTLP files, or folders of them
    #[arg(required = true, value_name = "SOURCE")]
    pub(crate) sources: Vec<PathBuf>,
    /// The folder in which `spans/` lies or is made
    #[arg(long, value_name = "PATH")]
    pub(crate) spans: PathBuf,
    /// How to print the summary
    #[arg(long, value_enum, default_value_t = SummaryFormat::Human)]
    pub(crate) format: SummaryFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SummaryFormat {
    /// In words
    Human,
    /// One object
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Test files (`*.test.yml`) and folders
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// How to print what came out
    #[arg(long, value_enum, default_value_t = TestFormat::Human)]
    pub(crate) format: TestFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TestFormat {
    /// What failed, expected and actual side by side
    Human,
    /// One array
    Json,
    /// The XML of `JUnit`, for CI systems
    Junit,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "fluo.yml")]
    pub(crate) config: PathBuf,
    /// Evaluate once, and end
    #[arg(long)]
    pub(crate) once: bool,
    /// The evaluation's time, with --once: RFC 3339, or relative to now as -5m [default: now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, requires = "once")]
    pub(crate) at: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Rule files and folders
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) rules: Vec<PathBuf>,
    /// The root of the store: a folder or a URI
    #[arg(long, value_name = "URI")]
    pub(crate) spans: String,
    /// The first evaluation: RFC 3339, or relative to now as -1d
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) from: String,
    /// The last evaluation
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, default_value = "now")]
    pub(crate) to: String,
    /// Distance of evaluations
    #[arg(long, value_name = "DURATION", default_value = "1m")]
    pub(crate) every: String,
    /// How to print what would have been told
    #[arg(long, value_enum, default_value_t = ReplayFormat::Table)]
    pub(crate) format: ReplayFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReplayFormat {
    /// For people
    Table,
    /// One array of notifications
    Json,
    /// One notification a line
    Ndjson,
}
