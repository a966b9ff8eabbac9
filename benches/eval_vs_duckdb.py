#!/usr/bin/env python3
"""One rule over the same Parquet files: `fluo eval` against DuckDB, wall time of whole processes, in one run.

usage: eval_vs_duckdb.py FLUO STORE [--runs N]

Each contender runs in a process of its own, in turn, so that caches and load are shared alike. DuckDB's statements
have the rule's meaning: duplicates counted once, a sliding window open at its start, the moments at which the
condition holds. Several ways to write them are timed, and the fastest counts.
"""

import argparse
import json
import pathlib
import sys
import tempfile

import contest

RULES = {
    "exact": """
- name: AuthFailuresRule
  span:
    service_name: auth-service
    attributes:
      http.status_code: "401"
      error.type: "AuthenticationError"
  aggregation:
    count: 10
  condition: gt(count, {threshold})
""",
    "grid": """
- name: server-error-ratio
  span: {{kind: server}}
  window: 5m
  group_by: [service_name]
  aggregation:
    total: count
    errors: {{count: {{where: "status = error"}}}}
  condition: errors / total > {threshold} and total >= 100
""",
}

SELECTED = """
  FROM read_parquet('{files}')
  WHERE service_name = 'auth-service'
    AND coalesce(attr_http_status_code, attr_http_response_status_code) = '401'
    AND attr_error_type = 'AuthenticationError'
"""

EXACT = {
    "distinct, then window": """
WITH matching AS (SELECT DISTINCT trace_id, span_id, epoch_ns(end_time) AS e {selected}),
judged AS (SELECT e, count(*) OVER (ORDER BY e RANGE BETWEEN 59999999999 PRECEDING AND CURRENT ROW) AS c FROM matching)
SELECT count(DISTINCT e), min(e) FROM judged WHERE c > {threshold}
""",
    "group by ids, then window": """
WITH matching AS (SELECT epoch_ns(any_value(end_time)) AS e {selected} GROUP BY trace_id, span_id, end_time),
judged AS (SELECT e, count(*) OVER (ORDER BY e RANGE BETWEEN 59999999999 PRECEDING AND CURRENT ROW) AS c FROM matching)
SELECT count(DISTINCT e), min(e) FROM judged WHERE c > {threshold}
""",
    "window with duplicates in, ids only where it holds": """
WITH upper AS (
  SELECT e, count(*) OVER (ORDER BY e RANGE BETWEEN 59999999999 PRECEDING AND CURRENT ROW) AS c
  FROM (SELECT epoch_ns(end_time) AS e {selected})),
edges AS (SELECT min(e) - 59999999999 AS low, max(e) AS high FROM upper WHERE c > {threshold}),
matching AS (SELECT DISTINCT trace_id, span_id, epoch_ns(end_time) AS e {selected}
  AND epoch_ns(end_time) BETWEEN (SELECT low FROM edges) AND (SELECT high FROM edges)),
judged AS (SELECT e, count(*) OVER (ORDER BY e RANGE BETWEEN 59999999999 PRECEDING AND CURRENT ROW) AS c FROM matching)
SELECT count(DISTINCT e), min(e) FROM judged WHERE c > {threshold}
""",
}

GRID = {
    "distinct, then panes, then windows": """
WITH matching AS (SELECT DISTINCT trace_id, span_id, end_time, service_name, status
  FROM read_parquet('{files}') WHERE kind = 'server'),
panes AS (SELECT service_name, (epoch_ns(end_time) - 1) // 60000000000 + 1 AS tick, count(*) AS total,
  count(*) FILTER (WHERE status = 'error') AS errors FROM matching GROUP BY ALL),
windows AS (SELECT service_name, t.tick AS tick, sum(total) AS total, sum(errors) AS errors
  FROM panes, LATERAL (SELECT unnest(generate_series(panes.tick, panes.tick + 4)) AS tick) t GROUP BY ALL)
SELECT count(*), min(tick) FROM windows WHERE errors / total > {threshold} AND total >= 100
""",
}

DUCKDB = """
import duckdb, sys
connection = duckdb.connect()
connection.execute("SET enable_progress_bar = false")
print(connection.execute(sys.stdin.read()).fetchall())
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fluo")
    parser.add_argument("store")
    parser.add_argument("--runs", type=int, default=7)
    args = parser.parse_args()
    files = f"{args.store}/spans/*/*/*.parquet"
    # A threshold that nothing reaches, and one that the incident's minute exceeds.
    for kind, statements, thresholds in (("exact", EXACT, (100_000_000, 1_500)), ("grid", GRID, (0.9, 0.05))):
        for threshold in thresholds:
            with tempfile.TemporaryDirectory() as folder:
                rule = pathlib.Path(folder, "rule.yml")
                rule.write_text(RULES[kind].format(threshold=threshold))
                contenders = {
                    "fluo eval": ([args.fluo, "eval", "--rules", str(rule), "--spans", args.store, "--format", "ndjson"], None)
                }
                for name, statement in statements.items():
                    selected = SELECTED.format(files=files)
                    text = statement.format(files=files, selected=selected, threshold=threshold)
                    contenders[f"DuckDB, {name}"] = ([sys.executable, "-c", DUCKDB], text)
                medians = contest.contest(contenders, args.runs)
            print(f"\n{kind}, threshold {threshold}")
            bare = min(contest.timed([sys.executable, "-c", "import duckdb; duckdb.connect()"]).wall for _ in range(3))
            best = min(of.wall for name, of in medians.items() if name != "fluo eval")
            for name, of in medians.items():
                result = of.output
                if name == "fluo eval":
                    lines = [json.loads(line) for line in result.splitlines()]
                    result = [(line["starts_at"], line["values"]) for line in lines[:2]]
                print(f"  {of.wall:7.3f} s  {name:55} {result}")
            fluo = medians["fluo eval"].wall
            print(f"  fluo / best DuckDB: {fluo / best:.2f}; to its statement without the start of Python and DuckDB "
                  f"({bare:.3f} s): {fluo / (best - bare):.2f}")


if __name__ == "__main__":
    main()
