//! The keys of `fluo.yml`, and of the sinks in it.

use super::key::{Key, MANY, SEVERITIES, Shape, SinkType, Table, key};

impl SinkType {
    /// The keys of a sink of this type.
    pub(super) fn keys(self) -> &'static [Key] {
        match self {
            Self::Alertmanager => ALERTMANAGER,
            Self::File => FILE,
            Self::Otlp => OTLP,
            Self::PagerDuty => PAGERDUTY,
            Self::Slack => SLACK,
            Self::Sns => SNS,
            Self::Stdout => STDOUT,
            Self::Teams => TEAMS,
            Self::Webhook => WEBHOOK,
        }
    }

    /// Those that it needs.
    pub(super) fn required(self) -> &'static [&'static str] {
        match self {
            Self::Alertmanager | Self::Slack | Self::Teams | Self::Webhook => &["type", "url"],
            Self::File => &["type", "path"],
            Self::Otlp => &["type", "endpoint"],
            Self::PagerDuty => &["type", "routing_key"],
            Self::Sns => &["type", "topic_arn"],
            Self::Stdout => &["type"],
        }
    }
}

pub(super) const CONFIG: &[Key] = &[
    key(
        "store",
        Shape::Text,
        None,
        "The root of the store: a folder, from the folder of this file, or `s3://bucket/prefix`.",
    ),
    key(
        "rules",
        Shape::Texts,
        None,
        "Files and folders of rules and `silences.yml`, from the folder of this file; read anew at every evaluation.",
    ),
    key(
        "every",
        Shape::Duration { zero: false },
        Some("1m"),
        "Distance of the evaluations of `fluo run`, a duration.",
    ),
    key(
        "on_arrival",
        Shape::Duration { zero: false },
        None,
        "The least distance of evaluations of `fluo run` because files have arrived, a duration. Left out: only those of `every` are made.",
    ),
    key("trace_url", Shape::Text, None, "Links to traces, with `{trace_id}` where a trace's id belongs."),
    key(
        "eval_delay",
        Shape::Duration { zero: false },
        Some("60s"),
        "How far the watermark lies behind the evaluation's time where a rule does not say, a duration.",
    ),
    key(
        "allowed_lateness",
        Shape::Duration { zero: false },
        Some("1h"),
        "How far below the watermark a span may end and still re-open its windows where a rule does not say, a duration.",
    ),
    key(
        "stale_after",
        Shape::Duration { zero: false },
        Some("10m"),
        "How long no data file may arrive before people are told, a duration.",
    ),
    key(
        "max_catch_up",
        Shape::Duration { zero: false },
        Some("1d"),
        "How far back an outage is caught up, a duration.",
    ),
    key(
        "delivery_limit",
        Shape::Duration { zero: false },
        Some("2d"),
        "How long a notification that a sink refuses is tried again, a duration.",
    ),
    key(
        "rule_time",
        Shape::Duration { zero: false },
        Some("30s"),
        "The time that one rule may use in an evaluation, a duration.",
    ),
    key(
        "rule_memory_mib",
        Shape::Integer { min: 1, max: MANY },
        Some("512"),
        "The memory that one rule may use in an evaluation, in MiB.",
    ),
    key(
        "set_aside_percent",
        Shape::Integer { min: 1, max: 100 },
        Some("1"),
        "The largest share of the spans that arrive which ingest may set aside or mend before people are told, in percent.",
    ),
    key(
        "trouble_severity",
        Shape::Map(Table::Troubles),
        None,
        "How bad fluo's own troubles are, by their events, where it is not the default.",
    ),
    key(
        "columns",
        Shape::Texts,
        None,
        "Attributes that have columns in span files though no rule asks for them, as rules write them: `span.shop.tenant`.",
    ),
    key(
        "page",
        Shape::Bool,
        Some("true"),
        "`false`: the evaluator keeps no page (`report/index.html`) beside its state.",
    ),
    key(
        "aws_endpoint",
        Shape::Text,
        None,
        "Another server than AWS's, for S3, SNS and every other service; before AWS_ENDPOINT_URL and its like.",
    ),
    key("sinks", Shape::Sinks, None, "Who is told. Left out: standard output."),
];

pub(super) const TROUBLES: &[Key] = &[
    trouble("rule_error", "critical", "A rule could not be judged, or a rule file does not load."),
    trouble("file_error", "warning", "A data file cannot be read."),
    trouble("sink_error", "warning", "A sink refused three times in a row."),
    trouble("pipeline_stale", "critical", "No data file has arrived for `stale_after`."),
    trouble(
        "spans_set_aside",
        "warning",
        "More than a share of the spans could not be placed, or were mended.",
    ),
    trouble("spans_too_late", "warning", "Spans arrived later than `allowed_lateness`."),
    trouble("future_state", "critical", "The state is of a time that is still to come."),
];

const fn trouble(event: &'static str, default: &'static str, doc: &'static str) -> Key {
    key(event, Shape::Word(SEVERITIES), Some(default), doc)
}

pub(super) const SECRET_ENV: &[Key] =
    &[key("env", Shape::Text, None, "The environment variable that holds it.")];

/// Of the keys that every sink has, those behind `type`.
const COMMON: [Key; 4] = [
    key("name", Shape::Text, None, "What it is called; unique. Left out: its type."),
    key("severity", Shape::Words(SEVERITIES), None, "The severities that it wants. Left out: all of them."),
    key("labels", Shape::TextMap, None, "Labels of the rule that must have these values."),
    key(
        "timeout",
        Shape::Duration { zero: false },
        Some("10s"),
        "How long the service may take to answer, a duration.",
    ),
];

/// The keys of a sink whose type is not known.
pub(super) const SINK: &[Key] = &[key(
    "type",
    Shape::SinkType("type"),
    None,
    "alertmanager, file, otlp, pagerduty, slack, sns, stdout, teams or webhook.",
)];

const ALERTMANAGER: &[Key] = &sink::<8>(
    "alertmanager",
    &[
        key("url", Shape::Secret, None, "The address of Alertmanager."),
        HEADERS,
        key(
            "expires_after",
            Shape::Duration { zero: false },
            Some("25h"),
            "How long an alert is open that is not told again, a duration.",
        ),
    ],
);

const FILE: &[Key] = &sink::<7>(
    "file",
    &[
        key(
            "path",
            Shape::Text,
            None,
            "The file, from the folder that `fluo` runs in; its folder must exist.",
        ),
        TOGETHER,
    ],
);

const OTLP: &[Key] = &sink::<8>(
    "otlp",
    &[
        key("endpoint", Shape::Secret, None, "The address of a collector's OTLP over HTTP."),
        HEADERS,
        TOGETHER,
    ],
);

const PAGERDUTY: &[Key] = &sink::<7>(
    "pagerduty",
    &[
        key("routing_key", Shape::Secret, None, "The integration key of a service."),
        key("url", Shape::Secret, None, "Another address than PagerDuty's: a stand-in, a region."),
    ],
);

const SLACK: &[Key] =
    &sink::<7>("slack", &[key("url", Shape::Secret, None, "The address of an incoming webhook."), TOGETHER]);

const SNS: &[Key] = &sink::<8>(
    "sns",
    &[
        key("topic_arn", Shape::Text, None, "The ARN of the topic."),
        key(
            "endpoint",
            Shape::Text,
            None,
            "Another server than AWS's, for this sink alone; before `aws_endpoint`.",
        ),
        TOGETHER,
    ],
);

const STDOUT: &[Key] = &sink::<6>("stdout", &[TOGETHER]);

const TEAMS: &[Key] =
    &sink::<7>("teams", &[key("url", Shape::Secret, None, "The address of a Workflows webhook."), TOGETHER]);

const WEBHOOK: &[Key] = &sink::<9>(
    "webhook",
    &[
        key("url", Shape::Secret, None, "The address that records are posted to."),
        HEADERS,
        key(
            "signing_keys",
            Shape::Secrets,
            None,
            "Keys that each message is signed with: base64 of at least 24 random bytes.",
        ),
        TOGETHER,
    ],
);

/// Of the sinks that make messages for people, or a record of these.
const TOGETHER: Key = key(
    "together",
    Shape::Bool,
    Some("true"),
    "Whether related alerts, of which the same is told at once, are one message.",
);

const HEADERS: Key = key("headers", Shape::SecretMap, None, "Headers of every request.");

/// The keys of a sink: its type, those that every sink has, its own.
const fn sink<const N: usize>(word: &'static str, own: &[Key]) -> [Key; N] {
    assert!(1 + COMMON.len() + own.len() == N, "as many keys as there are");
    let mut keys = [key("type", Shape::SinkType(word), None, "Where it sends."); N];
    let mut at = 0;
    while at < COMMON.len() {
        keys[1 + at] = COMMON[at];
        at += 1;
    }
    at = 0;
    while at < own.len() {
        keys[1 + COMMON.len() + at] = own[at];
        at += 1;
    }
    keys
}

/// The mapping of the sinks of a type.
pub(crate) fn sink_table(word: &str) -> Option<Table> {
    SinkType::ALL.into_iter().find(|kind| kind.word() == word).map(Table::Sink)
}
