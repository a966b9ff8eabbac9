#!/usr/bin/env python3
"""One evaluation a minute, each a process of its own: what it costs once windows are full.

usage: live_minute.py FLUO STORE [--rules N…] [--minutes N]

STORE is what `fluo-bench-spans` wrote, one file a minute. Its files are given to a store of the evaluator minute by
minute; of the evaluations of the last five minutes, the medians are printed.
"""

import argparse
import pathlib
import tempfile

import contest
import shop_rules
import ticks

START = 1_795_341_600  # 2026-11-22T10:00:00Z, the generator's


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fluo", type=pathlib.Path)
    parser.add_argument("store", type=pathlib.Path)
    parser.add_argument("--rules", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--minutes", type=int, default=16)
    args = parser.parse_args()
    files = sorted(args.store.glob("spans/*/*/*.parquet"))[:args.minutes]
    batches = [(START + 60 * (minute + 1) + 5, [file]) for minute, file in enumerate(files)]
    for count in args.rules:
        # Beside the store, so that its files need not be copied.
        with tempfile.TemporaryDirectory(dir=args.store.parent) as folder:
            runs = ticks.ticks(args.fluo, args.store, shop_rules.text(count), pathlib.Path(folder), batches)
            last = contest.median(list(runs)[-5:])
            print(f"{count:5} rules: {last.wall:.3f} s wall, {last.processor:.3f} s processor, {last.memory:.0f} MiB")


if __name__ == "__main__":
    main()
