//! The review behind the table: why a rename of the sources is not in it, and the test that holds the
//! table and this list to the sources (`tests/fixtures/semconv`), so that a new version of either is
//! reviewed row by row.

use std::collections::{BTreeMap, BTreeSet};

use super::renames::{PREFIX_RENAMES, RENAMES};
use super::spellings;

/// The registry's deprecated attributes: `old reason renamed_to note file`, as of November 2026.
const REGISTRY: &str = include_str!("../../tests/fixtures/semconv/registry.tsv");
/// Attribute renames of the schema file 1.44.0, those of single metrics left out: `since section old renamed_to`.
const SCHEMA_FILE: &str = include_str!("../../tests/fixtures/semconv/schema-1.44.0.tsv");

/// The reasons for excluding names, with the names. Names that end in `*` stand for all that begin so.
const EXCLUDED: &[(&str, &[&str])] = &[
    (
        "occurs on metrics only",
        &[
            "container.cpu.state",
            "db.client.connections.pool.name",
            "db.client.connections.state",
            "linux.memory.slab.state",
            "pool.name",
            "process.context_switch_type",
            "process.cpu.state",
            "process.paging.fault_type",
            "system.*",
        ],
    ),
    ("has no dot", &["state"]),
    ("is a slip of the schema file, corrected in it later as ios.state", &["io.state"]),
    (
        "depends on the span's kind or on who recorded it",
        &["http.host", "messaging.rocketmq.client_group", "net.peer.name", "net.peer.port"],
    ),
    (
        "was split or merged with another attribute",
        &[
            "code.function",
            "code.namespace",
            "db.connection_string",
            "http.flavor",
            "http.target",
            "net.sock.family",
            "rpc.service",
        ],
    ),
    (
        "changed its values or their type",
        &[
            "db.cosmosdb.status_code",
            "db.redis.database_index",
            "db.system",
            "enduser.role",
            "gen_ai.openai.request.response_format",
            "gen_ai.system",
            "messaging.operation",
            "net.transport",
            "rpc.grpc.status_code",
            "rpc.jsonrpc.error_code",
            "rpc.system",
        ],
    ),
    (
        "measures something else: the registry maps the uncompressed size, the schema file the transferred one",
        &[
            "http.request_content_length",
            "http.request_content_length_uncompressed",
            "http.response_content_length",
            "http.response_content_length_uncompressed",
        ],
    ),
    (
        "is told differently by the registry and the schema file",
        &[
            "db.sql.table",
            "enduser.id",
            "net.host.ip",
            "net.sock.host.addr",
            "net.sock.host.port",
            "net.sock.peer.name",
        ],
    ),
    (
        "has no successor",
        &[
            "db.cosmosdb.operation_type",
            "db.instance.id",
            "db.jdbc.driver_classname",
            "db.mssql.instance_name",
            "db.user",
            "enduser.scope",
            "error.message",
            "event.name",
            "exception.escaped",
            "gen_ai.completion",
            "gen_ai.prompt",
            "messaging.destination_publish.*",
            "rpc.jsonrpc.error_message",
            "rpc.message.*",
        ],
    ),
    (
        "moved to another registry under its own name",
        &[
            "gen_ai.agent.*",
            "gen_ai.conversation.*",
            "gen_ai.data_source.*",
            "gen_ai.embeddings.*",
            "gen_ai.evaluation.*",
            "gen_ai.input.*",
            "gen_ai.operation.*",
            "gen_ai.output.*",
            "gen_ai.prompt.*",
            "gen_ai.provider.*",
            "gen_ai.request.*",
            "gen_ai.response.*",
            "gen_ai.retrieval.*",
            "gen_ai.system_instructions",
            "gen_ai.token.*",
            "gen_ai.tool.*",
            "gen_ai.usage.cache_creation.input_tokens",
            "gen_ai.usage.cache_read.input_tokens",
            "gen_ai.usage.input_tokens",
            "gen_ai.usage.output_tokens",
            "gen_ai.usage.reasoning.output_tokens",
            "gen_ai.workflow.*",
            "mcp.*",
            "openai.*",
        ],
    ),
];

/// Renames of the schema file that it took back in a later version.
const SUPERSEDED: &[(&str, &str)] = &[("feature_flag.evaluation.error.message", "error.message")];

/// (old, renamed to) of both sources; without a successor the registry's rows have an empty one.
fn source_rows() -> Vec<(&'static str, &'static str)> {
    let fields = |line: &'static str| line.split('\t').collect::<Vec<_>>();
    let registry = REGISTRY.lines().skip(1).map(fields).map(|row| (row[0], row[2]));
    let schema_file = SCHEMA_FILE.lines().skip(1).map(fields).map(|row| (row[2], row[3]));
    registry.chain(schema_file).collect()
}

fn exclusions(key: &str) -> Vec<&'static str> {
    let matches = |pattern: &&str| match pattern.strip_suffix('*') {
        Some(prefix) => key.starts_with(prefix),
        None => *pattern == key,
    };
    EXCLUDED.iter().filter(|(_, patterns)| patterns.iter().any(&matches)).map(|(reason, _)| *reason).collect()
}

fn is_taken(old: &str) -> bool {
    RENAMES.iter().any(|(taken, _)| *taken == old)
        || PREFIX_RENAMES.iter().any(|(taken, _)| taken.strip_suffix('.') == Some(old))
}

#[test]
fn every_row_of_the_sources_is_either_taken_or_excluded_for_one_reason() {
    let rows = source_rows();
    assert_eq!(rows.len(), 207 + 141, "the fixtures are whole");
    for (old, new) in rows {
        match (is_taken(old), exclusions(old).as_slice()) {
            (true, []) | (false, [_]) => {}
            (taken, reasons) => panic!("{old} → {new}: taken: {taken}, excluded because it {reasons:?}"),
        }
    }
}

#[test]
fn what_is_taken_reaches_the_successor_that_the_sources_name() {
    for (old, new) in source_rows() {
        if !is_taken(old) || new.is_empty() || SUPERSEDED.contains(&(old, new)) {
            continue;
        }
        // Template attributes are renamed with what follows them.
        let template = !RENAMES.iter().any(|(taken, _)| *taken == old);
        let (old, new) =
            if template { (format!("{old}.x"), format!("{new}.x")) } else { (old.into(), new.into()) };
        assert!(spellings(&old).contains(&new), "{old} → {new}: {:?}", spellings(&old));
    }
}

#[test]
fn every_row_of_the_table_is_in_a_source() {
    let rows: BTreeSet<(&str, &str)> = source_rows().into_iter().collect();
    for row in RENAMES {
        assert!(rows.contains(row), "{row:?}");
    }
    for (old, new) in PREFIX_RENAMES {
        assert!(rows.contains(&(old.trim_end_matches('.'), new.trim_end_matches('.'))), "{old} → {new}");
    }
}

#[test]
fn every_exclusion_excludes_something() {
    let olds: BTreeSet<&str> = source_rows().into_iter().map(|(old, _)| old).collect();
    for (reason, patterns) in EXCLUDED {
        for pattern in *patterns {
            let hit = match pattern.strip_suffix('*') {
                Some(prefix) => olds.iter().any(|old| old.starts_with(prefix)),
                None => olds.contains(pattern),
            };
            assert!(hit, "{pattern} ({reason}) is in no source");
        }
    }
}

#[test]
fn the_table_is_a_forest() {
    let by_old: BTreeMap<&str, &str> = RENAMES.iter().copied().collect();
    assert_eq!(by_old.len(), RENAMES.len(), "no name has two successors");
    for (old, _) in RENAMES {
        assert!(old.contains('.'), "{old} has no dot");
        let mut seen = BTreeSet::from([*old]);
        let mut current = *old;
        while let Some(newer) = by_old.get(current) {
            assert!(seen.insert(newer), "{old} renames to itself");
            current = newer;
        }
    }
}
