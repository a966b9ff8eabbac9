#!/usr/bin/env python3
"""One evaluation a minute, each a process of its own: what it costs once windows are full.

usage: live_minute.py FLUO STORE [--rules N…] [--minutes N]

STORE is what `fluo-bench-spans` wrote, one file a minute. Its files are given to a store of the evaluator minute by
minute; of the evaluations of the last five minutes, the medians are printed.
"""

import argparse
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import many_rules

START = 1_795_341_600  # 2026-11-22T10:00:00Z, the generator's


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fluo")
    parser.add_argument("store")
    parser.add_argument("--rules", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--minutes", type=int, default=16)
    args = parser.parse_args()
    files = sorted(pathlib.Path(args.store).glob("spans/*/*/*.parquet"))
    for count in args.rules:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "rules.yml").write_text(many_rules.text(count))
            (folder / "fluo.yml").write_text(
                "store: store\nrules: [rules.yml]\nsinks:\n  - {type: file, path: alerts.ndjson}\n")
            runs = []
            for minute in range(args.minutes):
                source = files[minute]
                target = folder / "store" / source.relative_to(args.store)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target)
                at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START + 60 * (minute + 1) + 5))
                command = [args.fluo, "run", "--config", str(folder / "fluo.yml"), "--once", "--at", at]
                runs.append(many_rules.timed(command))
            last = runs[-5:]
            of = lambda part: statistics.median(run[part] for run in last)
            print(f"{count:5} rules: {of(0):.3f} s wall, {of(1):.3f} s processor, {of(2):.0f} MiB")


if __name__ == "__main__":
    sys.exit(main())
