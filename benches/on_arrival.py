#!/usr/bin/env python3
"""From a data file's arrival in a folder to its alert on a sink, of `fluo run` with `on_arrival`.

usage: on_arrival.py FLUO [--rounds N] [--on-arrival DURATION] [--rules N]

FLUO is the binary. Each round writes the spans of ten seconds, six failed logins of a region of its own among them, by
`fluo ingest`, and waits until the sink, a file, has the region's alert. Rounds begin anywhere between two looks. The schedule's
evaluations are an hour apart, so that none of them tells anything. Besides `--rules` others are judged.
"""

import argparse
import json
import pathlib
import random
import statistics
import subprocess
import tempfile
import time

RULE = """
- name: failed-logins
  span: {name: auth_user, attributes: {http.status_code: 401}}
  group_by: [region]
  condition: count > 5
"""

OTHER = "- {{name: other-{0}, span: {{service_name: service-{0}}}, window: 5m, condition: count > 1000000}}\n"


def attribute(key, value):
    kind = "intValue" if isinstance(value, int) else "stringValue"
    return {"key": key, "value": {kind: str(value)}}


def ten_seconds(nth, per_second=60):
    now = time.time_ns()
    spans = []
    for number in range(10 * per_second):
        end = now - (10 * per_second - number) * 1_000_000_000 // per_second
        failed = number % (10 * per_second // 6) == 0
        attributes = [attribute("http.status_code", 401 if failed else 200), attribute("region", f"r{nth}")]
        spans.append({
            "traceId": random.randbytes(16).hex(), "spanId": random.randbytes(8).hex(), "name": "auth_user", "kind": 2,
            "startTimeUnixNano": str(end - 1_000_000), "endTimeUnixNano": str(end), "attributes": attributes,
        })
    service = [attribute("service.name", "auth-service")]
    return json.dumps({"resourceSpans": [{"resource": {"attributes": service}, "scopeSpans": [{"spans": spans}]}]})


def told(sink, region):
    return sink.exists() and any(
        f'"{region}"' in line and '"event":"firing"' in line for line in sink.read_text().splitlines()
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fluo", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--on-arrival", default="5s")
    parser.add_argument("--rules", type=int, default=100)
    arguments = parser.parse_args()
    fluo = arguments.fluo.resolve()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "store").mkdir()
        (folder / "rules").mkdir()
        others = "".join(OTHER.format(number) for number in range(arguments.rules))
        (folder / "rules/logins.yml").write_text(RULE + others)
        sink = folder / "told.ndjson"
        (folder / "fluo.yml").write_text(
            "store: store\nrules: [rules]\nevery: 1h\n"
            f"on_arrival: {arguments.on_arrival}\nsinks: [{{type: file, path: told.ndjson}}]\n"
        )
        run = [fluo, "run", "--config", "fluo.yml"]
        # What ended before the first evaluation is not judged.
        subprocess.run([*run, "--once", "--at", "-1m"], cwd=folder, check=True, stderr=subprocess.DEVNULL)
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(run, cwd=folder, stderr=log)
        try:
            took = []
            for nth in range(arguments.rounds):
                time.sleep(random.random() * 5)
                (folder / "object.json").write_text(ten_seconds(nth))
                subprocess.run([fluo, "ingest", "object.json", "--spans", "store"], cwd=folder, check=True, capture_output=True)
                arrived = time.monotonic()
                while not told(sink, f"r{nth}"):
                    assert time.monotonic() < arrived + 60, (folder / "log").read_text()[-4000:]
                    time.sleep(0.01)
                took.append(time.monotonic() - arrived)
                print(f"{nth:>3}  {took[-1]:.2f} s", flush=True)
        finally:
            process.terminate()
            process.wait(timeout=30)
        evaluations = sum("evaluated" in line for line in (folder / "log").read_text().splitlines())
    took.sort()
    print(f"median {statistics.median(took):.2f} s, least {took[0]:.2f} s, most {took[-1]:.2f} s, {evaluations} evaluations")


if __name__ == "__main__":
    main()
