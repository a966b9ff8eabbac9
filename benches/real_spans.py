#!/usr/bin/env python3
"""Real traces under the rules of the library: evaluations as they happen, and of the past.

usage: real_spans.py FLUO OBJECTS [--rules FOLDER] [--copies N] [--runs N]

OBJECTS is what `real_objects.py` wrote: objects of a minute and of ten seconds, of the same spans. Both are ingested, and
judged in turn by every rule of FOLDER and by copies of them that look at one service each: 169 rules in all. Needs
`pyyaml`.
"""

import argparse
import collections
import copy
import pathlib
import tempfile

import yaml

import contest
import ticks

# The services of the traces, those with most spans first.
SERVICES = """ts-route-service ts-order-service ts-config-service ts-seat-service ts-order-other-service ts-station-service
ts-basic-service""".split()


def rules(folder, count):
    """The library's rules in one file, with copies of the first of them until there are so many."""
    files = sorted(file for file in folder.glob("*/*.yml") if not file.name.endswith(".test.yml"))
    library = [rule for file in files for rule in yaml.safe_load(file.read_text())]
    made = list(library)
    while len(made) < count:
        nth, rule = len(made) // len(library) - 1, copy.deepcopy(library[len(made) % len(library)])
        service = SERVICES[nth % len(SERVICES)]
        rule["name"] = f"{rule['name']}-{nth}"
        # A span without a service's name cannot be of one service.
        if rule["name"] != f"missing-service-name-{nth}":
            rule["span"]["service_name"] = service
        if "expect" in rule:
            rule["expect"] = [service]
        made.append(rule)
    return yaml.safe_dump(made, sort_keys=False)


def by_minute(files):
    """Files by the minute in which they can have been written, counted from the epoch."""
    minutes = collections.defaultdict(list)
    for file in files:
        minutes[ticks.newest_end(file) // 60_000].append(file)
    return minutes


def fullest(minutes, length):
    """The first of the consecutive minutes that have a file each, so many of them."""
    return next(minute for minute in sorted(minutes) if all(minute + later in minutes for later in range(length)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fluo", type=pathlib.Path)
    parser.add_argument("objects", type=pathlib.Path)
    parser.add_argument("--rules", type=pathlib.Path, default=pathlib.Path(__file__).parent.parent / "rules")
    parser.add_argument("--count", type=int, default=169)
    parser.add_argument("--evaluations", type=int, default=153)
    parser.add_argument("--runs", type=int, default=5)
    args = parser.parse_args()
    text = rules(args.rules, args.count)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "rules.yml").write_text(text)
        files, live = {}, collections.defaultdict(list)
        for size in ("60s", "10s"):
            contest.timed([args.fluo, "ingest", args.objects / size, "--spans", folder / size])
            files[size] = sorted((folder / size).glob("spans/*/*/*.parquet"), key=ticks.newest_end)
            print(f"{size}: {len(files[size])} files, {sum(file.stat().st_size for file in files[size]):,} bytes")
        minutes = {size: by_minute(of) for size, of in files.items()}
        begin = min(minutes["60s"])
        # Eight minutes of traffic in a row, and ten before, in which windows fill.
        steady = fullest(minutes["60s"], 8)
        for _ in range(args.runs):
            for size, of in minutes.items():
                batches = [(minute * 60 + 65, of.get(minute, [])) for minute in range(steady - 10, steady + 8)]
                with tempfile.TemporaryDirectory(dir=folder) as store:
                    live[size] += list(ticks.ticks(args.fluo, folder / size, text, pathlib.Path(store), batches))[-5:]
        replay = lambda size: [
            args.fluo, "replay", "--rules", folder / "rules.yml", "--spans", folder / size, "--arrival", "end+5s", "--format",
            "ndjson", "--from", ticks.moment(begin * 60 + 65), "--to", ticks.moment((begin + args.evaluations) * 60 + 5)]
        name = lambda what, size: f"{what}, objects of {size.removesuffix('s')} s"
        medians = {name("one evaluation", size): contest.median(runs) for size, runs in live.items()}
        medians |= contest.contest(
            {name(f"replay of {args.evaluations}", size): (replay(size), None) for size in files}, args.runs)
        contest.table(medians, name("one evaluation", "60s"))
        told = {len(run.output.splitlines()) for name, run in medians.items() if name.startswith("replay")}
        print(f"notifications of the replays: {told}")


if __name__ == "__main__":
    main()
