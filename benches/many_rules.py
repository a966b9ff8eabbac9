#!/usr/bin/env python3
"""Many rules over the same Parquet files: `fluo eval` against the bare decode of the columns that they need, and
against DuckDB with a statement a rule. Wall times of whole processes, in turn, in one run.

usage: many_rules.py BIN STORE [--rules N] [--runs N]

BIN is the folder of `fluo` and `fluo-bench-decode`. Half of the rules count over a minute (exact), a quarter look at
the ratio of errors and a quarter at the 99th percentile of durations over five minutes (every minute).
"""

import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

SERVICES = """auth-service cart catalogue checkout currency delivery email frontend gateway inventory invoices orders
payments prices recommendations returns reviews search sessions users""".split()
ROUTES = "/login /cart /product/{id} /checkout /search /api/items /api/orders/{id} /health".split()
COLUMNS = "trace_id,span_id,service_name,end_time,duration_ns,status,attr_http_route"

RULE = """- name: {kind}-{number}
  span: {{service_name: {service}, attributes: {{http.route: "{route}"}}}}
  {what}
"""

WHAT = {
    "count": "aggregation: {{total: count}}\n  condition: total > {threshold}",
    "ratio": "window: 5m\n  aggregation: {{total: count, errors: {{count: {{where: status = error}}}}}}\n"
    "  condition: errors / total > 0.{threshold} and total >= 100",
    "p99": "window: 5m\n  aggregation: {{slow: {{p99: duration}}}}\n  condition: slow > {threshold}s",
}

STATEMENTS = {
    "count": """
WITH upper AS (
  SELECT e, count(*) OVER (ORDER BY e RANGE BETWEEN 59999999999 PRECEDING AND CURRENT ROW) AS c
  FROM (SELECT epoch_ns(end_time) AS e FROM read_parquet('{files}')
        WHERE service_name = '{service}' AND attr_http_route = '{route}'))
SELECT count(*), min(e) FROM upper WHERE c > {threshold}
""",
    "ratio": """
WITH matching AS (SELECT DISTINCT trace_id, span_id, end_time, status FROM read_parquet('{files}')
  WHERE service_name = '{service}' AND attr_http_route = '{route}'),
panes AS (SELECT (epoch_ns(end_time) - 1) // 60000000000 + 1 AS tick, count(*) AS total,
  count(*) FILTER (WHERE status = 'error') AS errors FROM matching GROUP BY ALL),
windows AS (SELECT t.tick AS tick, sum(total) AS total, sum(errors) AS errors
  FROM panes, LATERAL (SELECT unnest(generate_series(panes.tick, panes.tick + 4)) AS tick) t GROUP BY ALL)
SELECT count(*), min(tick) FROM windows WHERE errors / total > 0.{threshold} AND total >= 100
""",
    "p99": """
WITH matching AS (SELECT DISTINCT trace_id, span_id, end_time, duration_ns FROM read_parquet('{files}')
  WHERE service_name = '{service}' AND attr_http_route = '{route}'),
panes AS (SELECT (epoch_ns(end_time) - 1) // 60000000000 + 1 AS tick, duration_ns FROM matching),
windows AS (SELECT t.tick AS tick, quantile_disc(duration_ns, 0.99) AS slow
  FROM panes, LATERAL (SELECT unnest(generate_series(panes.tick, panes.tick + 4)) AS tick) t GROUP BY ALL)
SELECT count(*), min(tick) FROM windows WHERE slow > {threshold} * 1000000000::BIGINT
""",
}

DUCKDB = """
import duckdb, sys
connection = duckdb.connect()
print([connection.execute(text).fetchall() for text in sys.stdin.read().split(";") if text.strip()])
"""


def rules(count):
    """Kinds and parts of `count` different rules: more than there are services and routes differ in thresholds."""
    for number in range(count):
        kind = ("count", "ratio", "count", "p99")[number % 4]
        of_kind = number // 4 if kind != "count" else number // 2
        yield {
            "kind": kind,
            "number": number,
            "service": SERVICES[of_kind % 20],
            "route": ROUTES[of_kind // 20 % 8],
            "threshold": {"count": 1_000_000 + number, "ratio": 9 * 10**6 + number, "p99": 10 + number}[kind],
        }


def text(count):
    """A rule file."""
    return "".join(RULE.format(**rule, what=WHAT[rule["kind"]].format(**rule)) for rule in rules(count))


def timed(command, stdin=None):
    started = time.perf_counter()
    done = subprocess.run(["/usr/bin/time", "-f", "%U %S %M", *command], input=stdin, capture_output=True, text=True, check=False)
    took = time.perf_counter() - started
    if done.returncode:
        sys.exit(f"{command[:3]}: {done.stderr}")
    user, system, memory = done.stderr.strip().splitlines()[-1].split()
    return took, float(user) + float(system), int(memory) / 1024, done.stdout.strip()


def main():
    """Times all contenders in turn, and prints their medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin")
    parser.add_argument("store")
    parser.add_argument("--rules", type=int, nargs="+", default=[1, 100, 1000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--duckdb", type=int, default=100, help="most rules that DuckDB is asked")
    args = parser.parse_args()
    bins, store = pathlib.Path(args.bin), pathlib.Path(args.store)
    files = sorted(map(str, store.glob("spans/*/*/*.parquet")))
    with tempfile.TemporaryDirectory() as folder:
        contenders = {"bare decode": ([str(bins / "fluo-bench-decode"), "--columns", COLUMNS, *files], None)}
        for count in args.rules:
            path = pathlib.Path(folder, f"{count}.yml")
            path.write_text(text(count))
            contenders[f"fluo eval, {count} rules"] = (
                [str(bins / "fluo"), "eval", "--rules", str(path), "--spans", str(store), "--format", "ndjson"], None)
            if count <= args.duckdb:
                pattern = f"{store}/spans/*/*/*.parquet"
                statements = ";".join(STATEMENTS[rule["kind"]].format(files=pattern, **rule) for rule in rules(count))
                contenders[f"DuckDB, {count} statements"] = ([sys.executable, "-c", DUCKDB], statements)
        runs = {name: [] for name in contenders}
        for _ in range(args.runs + 1):
            for name, (command, stdin) in contenders.items():
                runs[name].append(timed(command, stdin))
    # The first run of each warms the file cache.
    of = lambda name, part: statistics.median(run[part] for run in runs[name][1:])
    limit = of("bare decode", 0)
    for name in contenders:
        print(f"{of(name, 0):8.3f} s wall {of(name, 1):8.3f} s processor {of(name, 2):7.0f} MiB "
              f"{of(name, 0) / limit:7.2f} x bare decode  {name}: {runs[name][-1][3][:60]}")


if __name__ == "__main__":
    main()
