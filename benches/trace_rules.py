#!/usr/bin/env python3
"""Rules about whole traces over the same Parquet files: `fluo eval`, and DuckDB on SQL of the same meaning. Whole
processes, in turn, in one run.

usage: trace_rules.py FLUO STORE [--runs N] [--only NAME…]

STORE is what `fluo-bench-spans --requests` wrote. DuckDB is asked a statement a rule, each of which reads the spans of
the names that matter, and then the ends of the traces that it found, unless what is broken shows in these spans alone.
Before anything is timed, both must find the same first and last moments of each rule.
"""

import argparse
import json
import pathlib
import sys
import tempfile

import contest
from many_rules import nanoseconds

# Of a trace, the spans of one name; copies counted once.
HAS = "bool_or(name = '{}')".format
NUMBER = "count(DISTINCT span_id) FILTER (name = '{}')".format

# By rule: what it demands, the spans that matter, and of these spans, by trace, when it is broken. What no later span can
# mend is told at once: then also the moment, of the same spans.
RULES = {
    "charge-without-check": (
        "when: {name: payment.charge_card, attributes: {amount: {gt: 1000}}}\n    always: [{name: payment.fraud_check}]",
        "name IN ('payment.charge_card', 'payment.fraud_check')",
        "bool_or(name = 'payment.charge_card' AND TRY_CAST(attributes['amount'] AS DOUBLE) > 1000) AND NOT "
        + HAS("payment.fraud_check"),
    ),
    "access-before-auth": (
        "when: {name: data.access, as: access}\n    sequence: [{name: auth.check}, access]",
        "name IN ('data.access', 'auth.check')",
        "max(start_time) FILTER (name = 'data.access') IS NOT NULL AND coalesce(min(start_time) FILTER "
        "(name = 'data.access') < min(end_time) FILTER (name = 'auth.check'), true)",
    ),
    "retry-storm": (
        "count: {of: {name: http.retry}, as: retries}",
        "name = 'http.retry'",
        NUMBER("http.retry") + " > 3",
        "list_sort(list(end_time))[4]",
    ),
    "order-without-mail": (
        "when: {name: order.create}\n    always: [{name: email.send}]",
        "name IN ('order.create', 'email.send')",
        f"{HAS('order.create')} AND NOT {HAS('email.send')}",
    ),
    "lock-not-released": (
        "when: {name: lock.acquire}\n    always: [{name: lock.release}]",
        "name IN ('lock.acquire', 'lock.release')",
        f"{HAS('lock.acquire')} AND NOT {HAS('lock.release')}",
    ),
    "charge-before-check": (
        "never: [{sequence: [{name: payment.charge_card}, {name: payment.fraud_check}]}]",
        "name IN ('payment.charge_card', 'payment.fraud_check')",
        "max(start_time) FILTER (name = 'payment.fraud_check') >= min(end_time) FILTER (name = 'payment.charge_card')",
        "max(end_time)",
    ),
    "catalogue-without-prices": (
        "when: {name: catalogue.read}\n    always: [{name: prices.read}]",
        "name IN ('catalogue.read', 'prices.read')",
        f"{HAS('catalogue.read')} AND NOT {HAS('prices.read')}",
    ),
    "order-without-charge": (
        "when: {name: order.create, as: order}\n    always: [{name: payment.charge_card, child_of: order}]",
        "name IN ('order.create', 'payment.charge_card')",
        f"{HAS('order.create')} AND NOT list_has_all(list(parent_span_id) FILTER (name = 'payment.charge_card'), "
        "list(span_id) FILTER (name = 'order.create')) IS NOT DISTINCT FROM true",
    ),
    "locks-uneven": (
        'condition: trace.count(lock.acquire) != trace.count(lock.release)',
        "name IN ('lock.acquire', 'lock.release')",
        f"{NUMBER('lock.acquire')} <> {NUMBER('lock.release')}",
    ),
    "order-of-failed-request": (
        "when: {service_name: gateway, status: error}\n    never: [{name: order.create}]",
        "(name = 'order.create' OR service_name = 'gateway' AND status = 'error')",
        f"bool_or(service_name = 'gateway' AND status = 'error') AND {HAS('order.create')}",
    ),
}

PROGRAM = """
import duckdb, json, sys
connection = duckdb.connect()
connection.execute("SET enable_progress_bar = false")
print(json.dumps([connection.execute(text).fetchall() for text in json.load(sys.stdin)]))
"""


def rule_file(names):
    rules = []
    for name in names:
        condition = "\n  condition: retries > 3" if name == "retry-storm" else ""
        rules.append(f"- name: {name}\n  trace:\n    {RULES[name][0]}{condition}\n")
    return "".join(rules)


def statements(store, names, moments):
    """A statement a rule: its violating traces and, where `moments` are asked for, when the first and the last ended."""
    spans = f"read_parquet('{store}/spans/*/*/*.parquet')"
    for name in names:
        _, matter, broken, *at_once = RULES[name]
        traces = lambda columns: f"SELECT {columns} FROM {spans} WHERE {matter} GROUP BY trace_id HAVING {broken}"
        found = traces("trace_id")
        if moments:
            whole = f"SELECT max(end_time) AS e FROM {spans} WHERE trace_id IN ({found}) GROUP BY trace_id"
            ended = traces(f"{at_once[0]} AS e") if at_once else whole
            found = f"SELECT epoch_ns(min(e)), epoch_ns(max(e)) FROM ({ended})"
        else:
            found = f"SELECT count(*) FROM ({found})"
        yield found


def of_fluo(output, names):
    """The first and the last moment by rule."""
    found = {name: (None, None) for name in names}
    for violation in map(json.loads, output.splitlines()):
        first, last = found[violation["rule"]]
        start, end = nanoseconds(violation["starts_at"]), nanoseconds(violation["ends_at"])
        found[violation["rule"]] = (start if first is None else min(first, start), end if last is None else max(last, end))
    return found


def contenders(args, names, folder):
    what = f"{len(names)} rules" if len(names) > 1 else names[0]
    path = pathlib.Path(folder, f"{what}.yml")
    path.write_text(rule_file(names))
    duckdb = [sys.executable, "-c", PROGRAM]
    texts = lambda moments: json.dumps(list(statements(args.store, names, moments)))
    return {
        f"`fluo eval`, {what}": ([args.fluo, "eval", "--rules", path, "--spans", args.store, "--format", "ndjson"], None),
        f"DuckDB, {what}, which traces": (duckdb, texts(False)),
        f"DuckDB, {what}, and when": (duckdb, texts(True)),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fluo", type=pathlib.Path)
    parser.add_argument("store", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--only", nargs="*", default=["charge-without-check", "catalogue-without-prices"])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        all_rules = list(RULES)
        every = contenders(args, all_rules, folder)
        fluo, _, duckdb = every.values()
        found = of_fluo(contest.timed(*fluo).output, all_rules)
        expected = dict(zip(all_rules, (tuple(rows[0]) for rows in json.loads(contest.timed(*duckdb).output))))
        if found != expected:
            sys.exit(f"they differ:\n{found}\n{expected}")
        for only in args.only:
            every = contenders(args, [only], folder) | every
        medians = contest.contest(every, args.runs)
    contest.table(medians, f"DuckDB, {args.only[0]}, which traces" if args.only else next(iter(medians)))


if __name__ == "__main__":
    main()
