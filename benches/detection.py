#!/usr/bin/env python3
"""Measures how soon injected faults are found: fluo's rules against alarms over periods, on the same spans.

usage: detection.py FLUO DATA [--days DAY …] [--rules PATH …] [--every 1m] [--period 300] [--of service|operation]
                    [--factor 1.5] [--out DIR] [--json]

DATA is a folder in the form of the public data set IntelligentDDS/Nezha, of which a clone will do:

    rca_data/DAY/DAY-fault_list.json            faults: inject_time (UTC), inject_type, inject_pod
    rca_data/DAY/trace/HH_MM_trace.csv          spans of the minutes around each fault
    construct_data/DAY/trace/HH_MM_trace.csv    spans of minutes without a fault

with columns TraceID, SpanID, ParentID, PodName, OperationName, StartTimeUnixNano, EndTimeUnixNano and, where there is
one, StatusCode (2 is an error). A day is judged by limits that were learned without the spans around its faults: from
minutes without a fault, and from what ended within 75 s before the faults of other days of the same services. Nothing is
learned of spans after a fault.

    CSV ─▶ OTLP, an object of ten seconds each ─ fluo ingest ─▶ store ─ fluo replay ─▶ alerts
     └──▶ error ratio and 99th percentile of every service, or operation, by period ─▶ alarms

Both take for slow what is above the most that was seen without a fault, by the same factor: of fluo's rules that is the
slowest span of an operation, of alarms the highest percentile of a minute. A fault is found by what is told of its
service, or of one that calls it, directly or through others; what is told of others is chance, and is counted as such.
Needs nothing but Python and `fluo`.
"""

import argparse
import collections
import csv
import datetime
import json
import math
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

SECOND = 1_000_000_000
UTC = datetime.timezone.utc

# Of an object: the spans that end within so long, and the time until it lies in the bucket.
BATCH, UPLOAD = 10 * SECOND, 5 * SECOND
# What ended so shortly before a fault is without it.
BEFORE = 75 * SECOND
# Spans of a fault end so soon after it at the latest.
AFTER = 180 * SECOND
# Spans without a fault, from which on an operation is known; of a minute, those of which a percentile says something.
KNOWN = 20
# Slow spans in a minute, and broken traces in a minute, that are an alert.
SLOW, BROKEN = 3, 2
# The share of errors that is an alarm, and what it lies above normal at least.
ERRORS = 0.05

Span = collections.namedtuple("Span", "trace id parent pod service name start end error")
Fault = collections.namedtuple("Fault", "at kind service first last following")


def service_of(pod):
    """The deployment of a pod, whose name ends with two random parts."""
    return pod.rsplit("-", 2)[0]


def spans_of(files):
    """Spans of CSV files, by their ends."""
    spans = []
    for file in files:
        with open(file, newline="") as lines:
            for row in csv.DictReader(lines):
                parent = row["ParentID"] if len(row["ParentID"]) == 16 else ""
                spans.append(Span(row["TraceID"], row["SpanID"], parent, row["PodName"], service_of(row["PodName"]),
                                  row["OperationName"], int(row["StartTimeUnixNano"]), int(row["EndTimeUnixNano"]),
                                  row.get("StatusCode") == "2"))
    return sorted(spans, key=lambda span: (span.end, span.trace, span.id))


class Day:
    """A day: its spans, its faults, and its spans without a fault."""

    def __init__(self, data, day):
        self.name = day
        folder = data / "rca_data" / day
        self.spans = spans_of(sorted(folder.glob("trace/*_trace.csv")))
        self.without = spans_of(sorted((data / "construct_data" / day).glob("trace/*_trace.csv")))
        self.faults = self.read_faults(json.loads((folder / f"{day}-fault_list.json").read_text()))
        self.services = {span.service for span in self.spans}

    def read_faults(self, lists):
        """The faults of which spans are there, with the ends of the first and the last of these."""
        listed = sorted((nanos(fault["inject_time"]), fault["inject_type"], service_of(fault["inject_pod"]))
                        for hour in lists.values() for fault in hour)
        faults = []
        for (at, kind, service), following in zip(listed, [at for at, *_ in listed[1:]] + [math.inf]):
            around = [span.end for span in self.spans
                      if at - BEFORE < span.end < min(at + AFTER, following - BEFORE)]
            if around and around[-1] > at:
                faults.append(Fault(at, kind, service, around[0], around[-1], following))
        return faults

    def callers(self):
        """Of every service, those that call it, directly or through others, and itself."""
        by_id = {(span.trace, span.id): span.service for span in self.without + self.spans}
        calls = collections.defaultdict(set)
        for span in self.without + self.spans:
            caller = by_id.get((span.trace, span.parent))
            if caller:
                calls[span.service].add(caller)
        callers = {}
        for service in self.services:
            callers[service], left = {service}, [service]
            while left:
                more = calls[left.pop()] - callers[service]
                callers[service] |= more
                left += more
        return callers

    def before_faults(self):
        return [span for span in self.spans
                if any(fault.at - BEFORE < span.end <= fault.at for fault in self.faults)]


def nanos(time):
    return int(datetime.datetime.strptime(time, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()) * SECOND


def rfc3339(at):
    return datetime.datetime.fromtimestamp(at / SECOND, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parsed(text):
    whole, _, part = text.rstrip("Z").partition(".")
    at = int(datetime.datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp()) * SECOND
    return at + int(part.ljust(9, "0") or 0)


def percentile(values, share):
    """The value that at least such a share of all does not exceed."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def of_service(span):
    return span.service


def of_operation(span):
    return f"{span.service} {span.name}"


class Normal:
    """Services and operations as they are without a fault. `of`: what alarms are of."""

    def __init__(self, spans, of):
        durations, failed = collections.defaultdict(list), set()
        for span in spans:
            durations[span.service, span.name].append(span.end - span.start)
            if span.error:
                failed.add(span.service)
        self.slowest = {key: max(taken) for key, taken in sorted(durations.items()) if len(taken) >= KNOWN}
        self.failed = sorted(failed)
        self.always = self.children(spans)
        self.p99, self.errors = collections.defaultdict(int), collections.defaultdict(float)
        for (of_key, _), (p99, errors) in by_period(spans, of, 60 * SECOND).items():
            self.p99[of_key] = max(self.p99[of_key], p99)
            self.errors[of_key] = max(self.errors[of_key], errors)

    @staticmethod
    def children(spans):
        """Of known operations, those that they called every time."""
        by_id = {(span.trace, span.id): span for span in spans}
        called = collections.defaultdict(set)
        for span in spans:
            if (span.trace, span.parent) in by_id:
                called[span.trace, span.parent].add((span.service, span.name))
        often, with_child = collections.Counter(), collections.Counter()
        for span in spans:
            of = span.service, span.name
            often[of] += 1
            with_child.update((of, child) for child in called[span.trace, span.id])
        always = collections.defaultdict(list)
        for (of, child), times in sorted(with_child.items()):
            if times == often[of] >= KNOWN and of != child:
                always[of].append(child)
        return always


def by_period(spans, of, period):
    """99th percentile and error ratio, by what `of` says of a span and the end of the period."""
    periods = collections.defaultdict(list)
    for span in spans:
        periods[of(span), -(-span.end // period) * period].append(span)
    return {key: (percentile([span.end - span.start for span in within], 0.99),
                  sum(span.error for span in within) / len(within))
            for key, within in periods.items() if len(within) >= KNOWN}


def rules_of(normal, factor):
    """The rules, in JSON, which is YAML."""
    limits = [{"service_name": service, "name": name, "slow": f"{round(factor * slowest / 1000)}us"}
              for (service, name), slowest in normal.slowest.items()]
    rules = [{
        "name": "operation-slower-than-ever",
        "span": {}, "window": "1m", "group_by": ["service_name", "name"], "group_limit": 5000, "limits": limits,
        "aggregation": {"slow": {"count": {"where": "duration > limit.slow"}}}, "condition": f"slow >= {SLOW}",
    }, {
        "name": "operation-that-fails",
        "span": {"status": "error"}, "window": "1m", "group_by": ["service_name", "name"], "group_limit": 5000,
        "condition": f"count >= {SLOW}",
    }]
    # Services that failed before are no news.
    if normal.failed:
        rules[1]["span"]["service_name"] = {"not_in": normal.failed}
    for number, ((service, name), children) in enumerate(sorted(normal.always.items()), 1):
        rules.append({
            "name": f"call-left-out-{number:03}",
            "trace": {"when": {"service_name": service, "name": name, "as": "caller"},
                      "always": [{"service_name": of, "name": child, "child_of": "caller"} for of, child in children]},
            "settle": "10s", "eval_delay": "15s", "labels": {"service": service},
            "aggregation": {"traces": "count"}, "condition": f"traces >= {BROKEN}", "window": "1m",
        })
    return json.dumps(rules, indent=1)


def write_objects(spans, folder):
    """OTLP as a collector would have written it: an object for every ten seconds."""
    objects = collections.defaultdict(lambda: collections.defaultdict(list))
    for span in spans:
        objects[span.end // BATCH][span.service, span.pod].append(span)
    folder.mkdir(parents=True)
    for number, of_object in sorted(objects.items()):
        resources = [{
            "resource": {"attributes": [attribute("service.name", service), attribute("k8s.pod.name", pod)]},
            "scopeSpans": [{"spans": [otlp(span) for span in of_pod]}],
        } for (service, pod), of_pod in sorted(of_object.items())]
        (folder / f"traces_{number}.json").write_text(json.dumps({"resourceSpans": resources}))


def attribute(key, value):
    return {"key": key, "value": {"stringValue": value}}


def otlp(span):
    return {"traceId": span.trace, "spanId": span.id, "parentSpanId": span.parent, "name": span.name,
            "startTimeUnixNano": str(span.start), "endTimeUnixNano": str(span.end),
            "status": {"code": 2} if span.error else {}}


def run(command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stderr[-4000:]}")
    return done.stdout


Told = collections.namedtuple("Told", "at since what service")


def alerts(fluo, rules, store, fault, every, period):
    """The alerts of fluo around a fault: when each is told, and since when its condition holds. It begins with nothing."""
    until = min(fault.last + period, fault.following - BEFORE)
    # Evaluations are at whole minutes, as a schedule makes them.
    minute = 60 * SECOND
    begin = (fault.first // minute - 1) * minute
    told = run([fluo, "replay", "--rules", *rules, "--spans", store, "--from", rfc3339(begin), "--to",
                rfc3339(until), "--every", every, "--arrival", f"end+{UPLOAD // SECOND}s", "--format", "ndjson"])
    found = []
    for line in told.splitlines():
        record = json.loads(line)
        violation = (record.get("alert") or {}).get("violation")
        if record["event"] == "firing" and violation:
            group = violation["group"]
            service = group.get("service_name") or record["labels"].get("service")
            what = " ".join([record["rule"], *(value or "-" for value in group.values())])
            found.append(Told(parsed(record["at"]), parsed(violation["starts_at"]), what, service))
    return found


def alarms(normal, of, spans, fault, period, factor):
    """The alarms around a fault, as of a metric by period: told when the period is over, which is when it is whole."""
    around = [span for span in spans if fault.first // period * period < span.end <= fault.last]
    found = []
    for (key, end), (p99, errors) in sorted(by_period(around, of, period).items()):
        if key not in normal.p99:
            continue
        slow, failing = p99 > factor * normal.p99[key], errors > ERRORS + normal.errors[key]
        # Nobody knows since when within its period: it is taken to be about the fault if that is in it.
        since = min(end, fault.last)
        for what in [word for word, holds in (("p99", slow), ("errors", failing)) if holds]:
            found.append(Told(end, since, f"{what} {key}", key.split(" ")[0]))
    return found


def judged(day, fault, told, callers):
    """The first that is told of a fault, and what is told without one, or of services that it cannot have touched."""
    after = sorted(one for one in told if fault.at < one.since <= fault.last)
    of_fault = [one for one in after if one.service in callers.get(fault.service, {fault.service})]
    first = of_fault[0] if of_fault else None
    return {
        "day": day.name, "at": rfc3339(fault.at), "kind": fault.kind, "service": fault.service,
        "seconds_before": round((fault.at - fault.first) / SECOND), "seconds_after": round((fault.last - fault.at) / SECOND),
        "delay_s": round((first.at - fault.at) / SECOND, 1) if first else None, "first": first and first.what,
        "told": len(of_fault), "unrelated": len(after) - len(of_fault),
        "names_service": any(one.service == fault.service for one in of_fault),
        "false_alarms": sum(one.since <= fault.at for one in told),
    }


def summary(rows):
    delays = [row["delay_s"] for row in rows if row["delay_s"] is not None]
    return {
        "faults": len(rows), "found": len(delays), "missed": len(rows) - len(delays),
        "delay_s": {"median": statistics.median(delays), "most": max(delays)} if delays else None,
        "names_service": sum(row["names_service"] for row in rows), "unrelated": sum(row["unrelated"] for row in rows),
        "false_alarms": sum(row["false_alarms"] for row in rows),
    }


def compared(fluo, alarm):
    """Delays where both found a fault: by how much the one is shorter, of the sums."""
    both = [(one["delay_s"], other["delay_s"]) for one, other in zip(fluo, alarm)
            if one["delay_s"] is not None and other["delay_s"] is not None]
    if not both:
        return {"faults": 0, "fluo_s": None, "alarm_s": None, "shorter_by": None}
    one, other = (sum(side) / len(both) for side in zip(*both))
    return {"faults": len(both), "fluo_s": round(one, 1), "alarm_s": round(other, 1), "shorter_by": round(1 - one / other, 3)}


def system(days, day):
    """The other days of the same services."""
    share = lambda other: len(day.services & other.services) / len(day.services | other.services)
    return [other for other in days if other is not day and share(other) > 0.5]


def by_kind(rows):
    kinds = sorted({row["kind"] for row in rows})
    return {kind: summary([row for row in rows if row["kind"] == kind]) for kind in kinds}


def table(sides):
    lines = ["| faults | | fluo finds | after, median | alarm finds | after, median |", "| --- | --- | --- | --- | --- | --- |"]
    kinds = [("all", summary(sides["fluo"]), summary(sides["alarm"]))]
    kinds += [(kind, of, by_kind(sides["alarm"])[kind]) for kind, of in by_kind(sides["fluo"]).items()]
    after = lambda side: f"{side['delay_s']['median']:.0f} s" if side["delay_s"] else "-"
    for kind, fluo, alarm in kinds:
        lines.append(f"| {kind} | {fluo['faults']} | {fluo['found']} | {after(fluo)} | {alarm['found']} | {after(alarm)} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fluo", type=pathlib.Path)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--days", nargs="+", help="days that are judged [default: all of DATA]")
    parser.add_argument("--rules", nargs="+", help="rules to judge by, in place of those that are learned")
    parser.add_argument("--every", default="1m", help="distance of fluo's evaluations")
    parser.add_argument("--period", type=int, default=300, help="seconds of an alarm's period")
    parser.add_argument("--of", choices=["service", "operation"], default="service", help="what alarms are of")
    parser.add_argument("--factor", type=float, default=1.5, help="what is above normal by so much is slow")
    parser.add_argument("--out", type=pathlib.Path, help="where rules and stores are left [default: nowhere]")
    parser.add_argument("--json", action="store_true", help="print every fault, in JSON")
    args = parser.parse_args()
    args.fluo = args.fluo.resolve()
    names = args.days or sorted(folder.name for folder in (args.data / "rca_data").glob("*-*-*"))
    if not names:
        sys.exit(f"{args.data}: there is no rca_data/DAY. Clone https://github.com/IntelligentDDS/Nezha")
    days = [Day(args.data, name) for name in names]
    sides, clean, spans = {"fluo": [], "alarm": []}, 0, 0
    with tempfile.TemporaryDirectory() as temporary:
        out = args.out or pathlib.Path(temporary)
        for day in days:
            others = system(days, day)
            learned = [span for known in [day, *others] for span in known.without]
            learned += [span for other in others for span in other.before_faults()]
            if not learned:
                sys.exit(f"{day.name}: there are no spans without a fault to learn from")
            of = of_service if args.of == "service" else of_operation
            normal, folder = Normal(learned, of), out / day.name
            shutil.rmtree(folder, ignore_errors=True)
            write_objects(day.spans, folder / "raw")
            (folder / "rules").mkdir()
            (folder / "rules" / "learned.yml").write_text(rules_of(normal, args.factor))
            (folder / "store").mkdir()
            run([args.fluo, "ingest", folder / "raw", "--spans", folder / "store"])
            callers = day.callers()
            rules, period = args.rules or [folder / "rules"], args.period * SECOND
            for fault in day.faults:
                print(f"{day.name} {rfc3339(fault.at)} {fault.kind} {fault.service}", file=sys.stderr)
                told = alerts(args.fluo, rules, folder / "store", fault, args.every, period)
                sides["fluo"].append(judged(day, fault, told, callers))
                told = alarms(normal, of, day.spans, fault, period, args.factor)
                sides["alarm"].append(judged(day, fault, told, callers))
                clean += fault.at - fault.first
            spans += len(day.spans)
    result = {
        "days": names, "spans": spans, "minutes_without_fault": round(clean / SECOND / 60, 1),
        **{side: {**summary(rows), "kinds": by_kind(rows)} for side, rows in sides.items()},
        "both": compared(sides["fluo"], sides["alarm"]),
    }
    if args.json:
        print(json.dumps({**result, "faults": sides}, indent=1))
        return
    print(table(sides))
    both = result["both"]
    print(f"\nfalse alarms in {result['minutes_without_fault']} min without a fault: "
          f"fluo {result['fluo']['false_alarms']}, alarm {result['alarm']['false_alarms']}")
    print(f"told of services that the fault cannot have touched: "
          f"fluo {result['fluo']['unrelated']}, alarm {result['alarm']['unrelated']}")
    print(f"names the service: fluo {result['fluo']['names_service']}, alarm {result['alarm']['names_service']}")
    if both["faults"]:
        print(f"found by both: {both['faults']}, after {both['fluo_s']} s and {both['alarm_s']} s on average: "
              f"{100 * both['shorter_by']:.0f} % sooner")


if __name__ == "__main__":
    main()
