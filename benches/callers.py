#!/usr/bin/env python3
"""A rule that looks at the caller of every server span, over the same Parquet files: `fluo eval`, and DuckDB's join.
Whole processes, in turn, in one run.

usage: callers.py FLUO STORE [--runs N]

STORE is what `fluo-bench-spans --requests` wrote. The rule asks, minute by minute and for each pair of services, for the
largest part of a call that its callee does not account for. Before anything is timed, both must find the same pairs and
the same first moments of each.
"""

import argparse
import json
import pathlib
import sys
import tempfile

import contest
from many_rules import all_minutes, nanoseconds
from shop_sql import MINUTE
from trace_rules import PROGRAM

RULE = """- name: slow-network
  span: {{kind: server, where: "parent.kind = client"}}
  group_by: [parent.service_name, service_name]
  every: 1m
  aggregation: {{gap: {{max: parent.duration - duration}}}}
  condition: gap > {limit}ns
"""

SQL = """SELECT caller, callee, min(m) FROM (
SELECT p.service_name AS caller, s.service_name AS callee,
  ((epoch_ns(s.end_time) - 1) // {minute} + 1) * {minute} AS m, max(p.duration_ns - s.duration_ns) AS gap
FROM {spans} AS s JOIN {spans} AS p ON s.trace_id = p.trace_id AND s.parent_span_id = p.span_id
WHERE s.kind = 'server' AND p.kind = 'client' GROUP BY ALL HAVING gap > {limit}) GROUP BY ALL"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fluo", type=pathlib.Path)
    parser.add_argument("store", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    spans = f"read_parquet('{args.store}/spans/*/*/*.parquet')"
    with tempfile.TemporaryDirectory() as folder:
        def contenders(limit):
            path = pathlib.Path(folder, f"{limit}.yml")
            path.write_text(RULE.format(limit=limit))
            sql = SQL.format(spans=spans, minute=MINUTE, limit=limit)
            return {
                "`fluo eval`": ([args.fluo, "eval", "--rules", path, "--spans", args.store, "--format", "ndjson", *all_minutes(args.store)], None),
                "DuckDB": ([sys.executable, "-c", PROGRAM], json.dumps([sql])),
            }

        fluo, duckdb = contenders(43_990_000).values()
        found = {}
        for violation in map(json.loads, contest.timed(*fluo).output.splitlines()):
            pair, at = tuple(violation["group"].values()), nanoseconds(violation["starts_at"])
            found[pair] = min(at, found.get(pair, at))
        expected = {(caller, callee): at for caller, callee, at in json.loads(contest.timed(*duckdb).output)[0]}
        if found != expected or not found:
            sys.exit(f"they differ:\n{found}\n{expected}")
        contest.table(contest.contest(contenders(10**12), args.runs), "DuckDB")


if __name__ == "__main__":
    main()
