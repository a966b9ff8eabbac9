#!/usr/bin/env python3
"""Many rules over the same Parquet files: `fluo eval`, the bare decode of the columns that the rules need, and other
engines on SQL of the same meaning. Whole processes, in turn, in one run.

usage: many_rules.py BIN STORE [--rules N…] [--runs N] [--engines NAME…]

BIN is the folder of `fluo` and `fluo-bench-decode`; STORE is what `fluo-bench-spans` wrote. An engine is asked a
statement a rule (*separate*), and a few that an expert would write for all rules together (*fused*; *bounded* is that
with what fluo knows of copies and bounds put into SQL). Before anything is timed, every contender must find what fluo
finds, rule by rule to the nanosecond, with thresholds that some of the rules reach.
"""

import argparse
import calendar
import json
import pathlib
import re
import sys
import tempfile
import time

import contest
import shop_rules
import shop_sql

COLUMNS = "trace_id,span_id,service_name,end_time,duration_ns,status,attr_http_route"
WAYS = {"separate": shop_sql.separate, "fused": shop_sql.fused, "bounded": shop_sql.bounded}


def nanoseconds(moment):
    whole, fraction = re.fullmatch(r"([^.Z]*)(?:\.(\d+))?Z", moment).groups()
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int((fraction or "").ljust(9, "0"))


def firsts_of_fluo(output):
    """First violating moments by the rule's number."""
    first = {}
    for violation in map(json.loads, output.splitlines()):
        number, at = int(violation["rule"].split("-")[1]), nanoseconds(violation["starts_at"])
        first[number] = min(at, first.get(number, at))
    return first


def firsts_of_sql(output):
    return {number: first for number, first in json.loads(output)}


def all_minutes(store):
    """All minutes that any span's window of five reaches, as `fluo eval` takes them: SQL knows nothing of where the data
    begins and ends."""
    ends = [int(part) // 60_000 for file in store.glob("spans/*/*/*.parquet") for part in file.name.split("-")[:2]]
    at = lambda minute: time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(minute * 60))
    return ["--from", at(min(ends)), "--to", at(max(ends) + 5)]


def contenders(args, count, reached, folder):
    """Commands with their inputs, and how to read what they print, by name."""
    path = pathlib.Path(folder, f"{count}-{reached}.yml")
    path.write_text(shop_rules.text(count, reached))
    fluo = [args.bin / "fluo", "eval", "--rules", path, "--spans", args.store, "--format", "ndjson",
            *all_minutes(args.store)]
    found = {f"`fluo eval`, {count} rules": (fluo, None, firsts_of_fluo)}
    for name in args.engines:
        engine = shop_sql.ENGINES[name]
        for way in args.ways:
            if count > args.separate and way == "separate":
                continue
            statements = list(WAYS[way](engine, args.store, shop_rules.rules(count, reached)))
            command = [sys.executable, "-c", engine.program, str(args.store)]
            found[f"{name}, {count} rules, {way}"] = (command, json.dumps(statements), firsts_of_sql)
    return found


def check(of_count):
    """Ends the script if a contender's answer is not fluo's."""
    answers = {name: read(contest.timed(command, stdin).output) for name, (command, stdin, read) in of_count.items()}
    (fluo, expected), *others = answers.items()
    if not expected:
        sys.exit(f"{fluo} finds nothing: nothing can be compared")
    for name, answer in others:
        wrong = sorted(number for number in expected.keys() | answer.keys() if expected.get(number) != answer.get(number))
        if wrong:
            some = [(number, expected.get(number), answer.get(number)) for number in wrong[:5]]
            sys.exit(f"{name} does not find what fluo finds: {len(wrong)} of {len(expected)}, such as {some}")
    print(f"{fluo}: {len(expected)} reached in the check, at the same first moments by all {len(answers)}", flush=True)


def main():
    """Checks all contenders against each other, times them in turn, and prints their medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin", type=pathlib.Path)
    parser.add_argument("store", type=pathlib.Path)
    parser.add_argument("--rules", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--engines", nargs="*", choices=shop_sql.ENGINES, default=["DuckDB"])
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--separate", type=int, default=100, help="most rules that are asked in a statement each")
    parser.add_argument("--reached", action="store_true", help="time rules of which some are reached")
    args = parser.parse_args()
    files = sorted(args.store.glob("spans/*/*/*.parquet"))
    limit = "bare decode"
    timed = {limit: ([args.bin / "fluo-bench-decode", "--columns", COLUMNS, *files], None)}
    with tempfile.TemporaryDirectory() as folder:
        for count in args.rules:
            check(contenders(args, count, True, folder))
            of_count = contenders(args, count, args.reached, folder)
            timed |= {name: (command, stdin) for name, (command, stdin, _) in of_count.items()}
        contest.table(contest.contest(timed, args.runs), limit)


if __name__ == "__main__":
    main()
