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
    /// Make a project: starter rules with their tests, `fluo.yml`, editor settings, a collector's configuration, a pipeline
    #[command(after_help = "Example: fluo init monitoring --ci gitlab")]
    Init(Init),
    /// Find every mistake in rules, their tests, silences, and `fluo.yml`
    #[command(after_help = "Example: fluo check rules --format github")]
    Check(Check),
    /// Judge stored spans once: every violation in the range
    #[command(after_help = "Example: fluo eval --rules rules --spans bucket --from -1h --format ndjson")]
    Eval(Eval),
    /// Explain a rule: in words, as SQL, as a query plan
    #[command(after_help = "Example: fluo explain AuthFailuresRule --rules rules --format sql")]
    Explain(Explain),
    /// Turn OTLP (JSON, NDJSON, protobuf, the file exporter's form; gzip, zstd or plain) into Parquet
    #[command(after_help = "Example: fluo ingest raw/ --spans bucket")]
    Ingest(Ingest),
    /// Merge the small files of hours that are over into few large ones, which count the same spans
    #[command(after_help = "Example: fluo compact --spans s3://my-bucket --before -2h --dry-run")]
    Compact(Compact),
    /// Show which attributes have columns in span files, because of which rules, and what that saves
    #[command(after_help = "Example: fluo layout --rules rules --spans s3://my-bucket")]
    Layout(LayoutArgs),
    /// Propose rules, with tests, from what the system has done, for people to review
    #[command(after_help = "Example: fluo suggest --spans bucket --since 7d --out rules/suggested")]
    Suggest(Suggest),
    /// Run the rules' unit tests
    #[command(after_help = "Example: fluo test rules --format junit")]
    Test(Test),
    /// Evaluate rules as spans arrive, and tell what is found: as a process, or one tick
    #[command(after_help = "Example: fluo run --config fluo.yml --once")]
    Run(Run),
    /// Replay the past: the alerts that there would have been, and their ends
    #[command(after_help = "Example: fluo replay --rules rules --spans bucket --from -1d --to now")]
    Replay(Replay),
    /// Show stored spans on one page: what is violated, how close every rule came, evidence with its traces
    #[command(after_help = "Example: fluo report --rules rules --spans bucket --from -6h --out report.html")]
    Report(Report),
    /// Compare the alerts of two versions of rules over the past
    #[command(after_help = "Example: fluo diff --base main/rules --head rules --spans bucket --since 30d")]
    Diff(Diff),
    /// Recompute an alert from the files and the rule that it names
    #[command(after_help = "Example: fluo verify alert.json --store s3://my-bucket")]
    Verify(Verify),
    /// Show the alerts that fire now, the delay of evaluation, and troubles
    #[command(after_help = "Example: fluo status --config fluo.yml")]
    Status(StatusArgs),
    /// Set right a state that holds an evaluation of a time that has not come
    #[command(after_help = "Example: fluo set-back --config fluo.yml")]
    SetBack(SetBackArgs),
    /// Tell nobody of some alerts for a time
    #[command(
        after_help = "Example: fluo silence add --match rule=AuthFailuresRule --for 2h --comment 'token rollout'"
    )]
    Silence(SilenceArgs),
    /// A language server for editors: mistakes as you type, quick fixes, completion, hover
    #[command(
        after_help = "Example: fluo lsp (an editor starts it, and speaks through standard input and output)"
    )]
    Lsp,
    /// Print the JSON Schema of rule files, test files, silences or `fluo.yml`, for editors
    #[command(after_help = "Example: fluo schema --of tests > fluo-tests.schema.json")]
    Schema(Schema),
    /// Print a shell's completion script
    #[command(after_help = "Example: fluo completions bash > /etc/bash_completion.d/fluo")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The folder for raw objects, span files, violations and report [default: a new folder `fluo-demo`]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// The start of the story, to the minute: RFC 3339, or relative to now as -2h. The same start gives the same
    /// files [default: so that it ends now]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) start: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The folder of the project, which is made where there is none. Files that are there are never changed
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// The folder of rules in it
    #[arg(long, value_name = "FOLDER", default_value = "rules")]
    pub(crate) rules: PathBuf,
    /// The pipelines to make [default: as the git remote says, or else what lies in the repository; github where nothing
    /// says]
    #[arg(long, value_enum)]
    pub(crate) ci: Option<InitCi>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum InitCi {
    /// A workflow of GitHub: check, test, and a comment on which alerts a pull request adds and removes
    Github,
    /// The same as a template of GitLab, without the comment
    Gitlab,
    /// None
    None,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Files and folders of rules, tests (`*.test.yml`), `silences.yml` and `fluo.yml`
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Stored spans to hold the rules against: a store (a folder or a URI), Parquet files, OTLP files, or folders of
    /// these. Give it again for more
    #[arg(long, value_name = "PATH")]
    pub(crate) spans: Vec<PathBuf>,
    /// The form of findings
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
    /// A store at a URI, Parquet files of fluo or of others (ClickHouse, otlp2parquet, Rotel), OTLP files, or folders of
    /// these
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) spans: Vec<PathBuf>,
    /// First moment to judge: RFC 3339, or relative to now as -15m [default: the first span's end, for rules on
    /// the grid one window later]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,
    /// Last moment to judge [default: the last span's end]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,
    /// The form of violations
    #[arg(long, value_enum, default_value_t = EvalFormat::Table)]
    pub(crate) format: EvalFormat,
    /// End with status 1 when there is a violation
    #[arg(long)]
    pub(crate) fail_on_violation: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Rule files and folders
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) rules: Vec<PathBuf>,
    /// A store at a URI, Parquet files of fluo or of others (ClickHouse, otlp2parquet, Rotel), OTLP files, or folders of
    /// these
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) spans: Vec<PathBuf>,
    /// The file to write; one that is there is replaced
    #[arg(long, default_value = "report.html", value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// First moment to judge: RFC 3339, or relative to now as -15m [default: the first span's end, for rules on
    /// the grid one window later]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) from: Option<String>,
    /// Last moment to judge [default: the last span's end]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,
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
    /// Rule files and folders. Give it again for more
    #[arg(long, required = true, value_name = "PATH")]
    pub(crate) rules: Vec<PathBuf>,
    /// The form of the explanation
    #[arg(long, value_enum, default_value_t = ExplainFormat::Text)]
    pub(crate) format: ExplainFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExplainFormat {
    /// Words, then the SQL, where the rule has a form in SQL
    Text,
    /// One SQL statement over the table `spans`; rules about traces, parents, children or earlier windows have none
    Sql,
    /// The reads of an evaluation, its selections and sums, and its windows
    Plan,
}

#[derive(Debug, Args)]
pub(crate) struct Ingest {
    /// OTLP files, Parquet files of others (ClickHouse, otlp2parquet, Rotel), or folders of these
    #[arg(required = true, value_name = "SOURCE")]
    pub(crate) sources: Vec<PathBuf>,
    /// The folder in which `spans/` lies or is made
    #[arg(long, value_name = "PATH")]
    pub(crate) spans: PathBuf,
    /// The form of the summary
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
pub(crate) struct Suggest {
    /// The past to learn from: a store (a folder or a URI), Parquet files, OTLP files, or a folder of these
    #[arg(long, value_name = "URI")]
    pub(crate) spans: String,
    /// The length of the past, back from its end
    #[arg(long, value_name = "DURATION", default_value = "7d")]
    pub(crate) since: String,
    /// The end of the past: RFC 3339, or relative to the last span's end as -1h [default: the last span's end]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,
    /// The folder for rules and tests. Files there that were not proposed, or were changed since, are never touched
    #[arg(long, value_name = "DIR", default_value = "rules/suggested")]
    pub(crate) out: PathBuf,
    /// The form of the summary
    #[arg(long, value_enum, default_value_t = SummaryFormat::Human)]
    pub(crate) format: SummaryFormat,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Test files (`*.test.yml`) and folders
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// The form of results
    #[arg(long, value_enum, default_value_t = TestFormat::Human)]
    pub(crate) format: TestFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TestFormat {
    /// Failures, expected and actual side by side
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
    /// The arrival of each data file: `recorded` (by evaluation records, else when it was written), or `end+75s`, so long
    /// after its newest span, for files that were copied or ingested later
    #[arg(long, value_name = "MODEL", default_value = "recorded")]
    pub(crate) arrival: String,
    /// The form of the alerts
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

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// Rule files and folders as they are
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) base: Vec<PathBuf>,
    /// The same as they would be
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) head: Vec<PathBuf>,
    /// The root of the store: a folder or a URI
    #[arg(long, value_name = "URI")]
    pub(crate) spans: String,
    /// The length of the past, back from the last evaluation
    #[arg(long, value_name = "DURATION")]
    pub(crate) since: String,
    /// The last evaluation: RFC 3339, or relative to now as -1d
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, default_value = "now")]
    pub(crate) to: String,
    /// Distance of evaluations
    #[arg(long, value_name = "DURATION", default_value = "1m")]
    pub(crate) every: String,
    /// The arrival of each data file: `recorded` (by evaluation records, else when it was written), or `end+75s`, so long
    /// after its newest span, for files that were copied or ingested later
    #[arg(long, value_name = "MODEL", default_value = "recorded")]
    pub(crate) arrival: String,
    /// The form of the differences
    #[arg(long, value_enum, default_value_t = SummaryFormat::Human)]
    pub(crate) format: SummaryFormat,
}

#[derive(Debug, Args)]
pub(crate) struct Compact {
    /// The root of the store, or its folder `spans`: a folder or a URI
    #[arg(long, value_name = "URI")]
    pub(crate) spans: String,
    /// Only hours that ended before this time: RFC 3339, or relative to now as -2h [default: -1h, when files of rules
    /// without times of their own have arrived]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) before: Option<String>,
    /// Only say what would be merged and deleted
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The form of the summary
    #[arg(long, value_enum, default_value_t = SummaryFormat::Human)]
    pub(crate) format: SummaryFormat,
}

#[derive(Debug, Args)]
pub(crate) struct LayoutArgs {
    /// Rule files and folders: those that are deployed, or will be
    #[arg(long, required = true, num_args = 1.., value_name = "PATH")]
    pub(crate) rules: Vec<PathBuf>,
    /// The root of the store: a folder or a URI
    #[arg(long, value_name = "URI")]
    pub(crate) spans: String,
    /// A configuration, whose `columns` are asked for, too
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Store the layout that the rules ask for, as an evaluator does that they are deployed to
    #[arg(long)]
    pub(crate) write: bool,
    /// The form of the output
    #[arg(long, value_enum, default_value_t = SummaryFormat::Human)]
    pub(crate) format: SummaryFormat,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A notification as a sink got it, one object or one a line; - for standard input
    #[arg(value_name = "ALERT.json")]
    pub(crate) alert: String,
    /// The root of the store: a folder or a URI
    #[arg(long, value_name = "URI")]
    pub(crate) store: String,
    /// Of several notifications, the one with this id, or the first of the alert with this id [default: the first
    /// about an alert]
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// The form of the result
    #[arg(long, value_enum, default_value_t = SummaryFormat::Human)]
    pub(crate) format: SummaryFormat,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "fluo.yml")]
    pub(crate) config: PathBuf,
    /// The form of the status
    #[arg(long, value_enum, default_value_t = SummaryFormat::Human)]
    pub(crate) format: SummaryFormat,
}

#[derive(Debug, Args)]
pub(crate) struct SetBackArgs {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "fluo.yml")]
    pub(crate) config: PathBuf,
    /// Time at which evaluation goes on: RFC 3339, or relative to now as -5m [default: the last evaluation that is
    /// recorded and whose time has come]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SilenceArgs {
    #[command(subcommand)]
    pub(crate) command: Silence,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Silence {
    /// Set a silence
    #[command(
        after_help = "Example: fluo silence add --match rule=AuthFailuresRule --match cloud.region=eu --for 2h --comment 'token rollout'"
    )]
    Add(SilenceAdd),
    /// End a silence now
    #[command(after_help = "Example: fluo silence end authfailuresrule-20261122-1104")]
    End(SilenceEnd),
    /// The silences of `silences.yml` and of the run time
    #[command(after_help = "Example: fluo silence list --format json")]
    List(SilenceList),
}

#[derive(Debug, Args)]
pub(crate) struct SilenceAdd {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "fluo.yml")]
    pub(crate) config: PathBuf,
    /// The alerts that are silenced: `rule`, `severity`, a label or a group key, an operator and a value, as amtool takes
    /// them. `=` and `!=` compare; `=~` and `!~` take a regular expression, anchored at both ends. All must match; of
    /// several `=` about one label, one
    #[arg(long = "match", required = true, value_name = "MATCHER")]
    pub(crate) matchers: Vec<String>,
    /// The length of the silence
    #[arg(
        long = "for",
        value_name = "DURATION",
        required_unless_present = "until",
        conflicts_with = "until"
    )]
    pub(crate) length: Option<String>,
    /// Until when: RFC 3339
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<String>,
    /// From when: RFC 3339
    #[arg(long, value_name = "TIME", default_value = "now")]
    pub(crate) from: String,
    /// The reason, for people
    #[arg(long, value_name = "TEXT")]
    pub(crate) comment: String,
    /// The id of the silence [default: made from what it silences and the time]
    #[arg(long)]
    pub(crate) id: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct SilenceEnd {
    /// The id of the silence
    pub(crate) id: String,
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "fluo.yml")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct SilenceList {
    /// The configuration
    #[arg(long, value_name = "FILE", default_value = "fluo.yml")]
    pub(crate) config: PathBuf,
    /// The form of the list
    #[arg(long, value_enum, default_value_t = SummaryFormat::Human)]
    pub(crate) format: SummaryFormat,
}

#[derive(Debug, Args)]
pub(crate) struct Schema {
    /// Of which files
    #[arg(long, value_enum, default_value_t = SchemaOf::Rules)]
    pub(crate) of: SchemaOf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// Rule files
    Rules,
    /// Test files: `*.test.yml`
    Tests,
    /// `silences.yml`
    Silences,
    /// `fluo.yml`
    Config,
}
