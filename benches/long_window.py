#!/usr/bin/env python3
"""A rule with a long window beside one with a short window, each minute a process of its own: what each reads.

usage: long_window.py FLUO STORE [--windows 5m 3d] [--minutes N]

STORE is what `fluo-bench-spans --minutes 4320` wrote: three days and more, one file a minute. All of it but the last
minutes is there at the first evaluation; of those that follow, the files and bytes that were read are printed.
"""

import argparse
import json
import pathlib
import sys
import tempfile

import ticks

RULE = """- name: ratio
  span: {service_name: auth-service}
  window: WINDOW
  every: 1m
  aggregation: {failed: {count: {where: status = error}}, all: count}
  condition: failed / all > 0.9
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fluo")
    parser.add_argument("store", type=pathlib.Path)
    parser.add_argument("--windows", nargs="+", default=["5m", "3d"])
    parser.add_argument("--minutes", type=int, default=6)
    args = parser.parse_args()
    files = sorted(args.store.glob("spans/*/*/*.parquet"), key=ticks.newest_end)
    for window in args.windows:
        # Beside the store, so that its files need not be copied.
        with tempfile.TemporaryDirectory(dir=args.store.parent) as folder:
            folder = pathlib.Path(folder)
            # What was there at the first evaluation, and a file for each after it.
            begun = len(files) - args.minutes - 2
            batches = [(None, files[:begun])]
            batches += [(ticks.newest_end(file) // 60_000 * 60 + 125, [file]) for file in files[begun:]]
            for run in ticks.ticks(args.fluo, args.store, RULE.replace("WINDOW", window), folder, batches):
                records = (folder / "store" / "evaluations").glob("*/*.ndjson")
                record = json.loads(max(records, key=lambda record: record.name).read_text())
                panes = (folder / "store" / "panes").glob("recent.zst")
                print(f"{window}: {record['files_read']} files, {record['bytes_in_files']} bytes, "
                      f"{sum(pane.stat().st_size for pane in panes)} bytes of panes, "
                      f"{run.processor:.2f} s processor, {run.memory:.0f} MiB")


if __name__ == "__main__":
    sys.exit(main())
