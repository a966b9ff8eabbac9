//! `README.md` of the demo's folder: what lies there, and what to try.

use super::rules::{AHEAD, UNCHECKED};
use super::story::{Story, clock};

/// The text.
pub(crate) fn readme(story: &Story) -> String {
    let rule = &story.rule.name;
    let fired = story.alert.as_ref().map_or_else(
        || format!("`{rule}` did not fire."),
        |alert| format!("`{rule}` told of it at {}.", clock(alert.told_at)),
    );
    let minutes = story.minutes.len();
    let (began, ended) = (clock(story.incident.began()), clock(story.incident.ended()));
    format!(
        "\
# A fluo demo

{minutes} minutes of a simulated shop. From {began} to {ended} UTC some or all pods of its auth-service had a wrong
token, and turned customers away who knew their password. {fired}
Meanwhile a pod of payment charged cards without the check for fraud, which the rule `{UNCHECKED}` finds in whole traces,
and cart leaked connections, of which `{AHEAD}` warned before its requests took too long: in one message for it and for
the frontend, which waits for it.

| here | is |
| --- | --- |
| `report.html` | what `fluo report --rules rules --spans . --out report.html` writes: what was violated, how close every rule came, the evidence with its traces; one page, opens in any browser |
| `raw/` | OTLP as the collector's `awss3` exporter writes it: JSON with gzip of one collector, protobuf with zstd of another |
| `spans/` | the same spans as Parquet, as `fluo ingest` writes them |
| `rules/` | the rules that were judged; `auth-failures.yml` is the one that tells of the token |
| `comparison/` | two error-rate alarms and one of latency, as rules |
| `violations.ndjson` | what the rules find in all of it, one violation a line |
| `spans.sql` | a view `spans` for DuckDB |

Run these here.

All violations at once. Change a threshold in `rules/` and look again:

```sh
fluo eval --rules rules --spans .
```

What the rule means, and the SQL it becomes:

```sh
fluo explain {rule} --rules rules
```

The spans in DuckDB: which step of the failing logins fails?

```sh
duckdb -init spans.sql -c \"
  SELECT service_name, name, status_message, count(*) AS spans
  FROM spans
  WHERE status = 'error'
    AND trace_id IN (SELECT trace_id FROM spans WHERE attr_error_type = 'AuthenticationError')
  GROUP BY ALL ORDER BY spans DESC\"
```

The simulation is the same in every run; only the clock differs, unless `fluo demo --start` sets it.
Run again, `fluo demo` replaces what it wrote here.
"
    )
}
