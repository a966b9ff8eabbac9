"""Many rules about the spans that `fluo-bench-spans` writes.

Half of them count over a minute (exact), a quarter look at the ratio of errors and a quarter at the 99th percentile of
durations over five minutes (every minute). Each is of one service and route.
"""

SERVICES = """auth-service cart catalogue checkout currency delivery email frontend gateway inventory invoices orders
payments prices recommendations returns reviews search sessions users""".split()
ROUTES = "/login /cart /product/{id} /checkout /search /api/items /api/orders/{id} /health".split()

RULE = """- name: {kind}-{number}
  span: {{service_name: {service}, attributes: {{http.route: "{route}"}}}}
  {what}
"""

WHAT = {
    "count": "aggregation: {{total: count}}\n  condition: total > {threshold}",
    "ratio": "window: 5m\n  aggregation: {{total: count, errors: {{count: {{where: status = error}}}}}}\n"
    "  condition: errors / total > {threshold:.7f} and total >= 100",
    "p99": "window: 5m\n  aggregation: {{slow: {{p99: duration}}}}\n  condition: slow > {threshold}ns",
}


def rules(count, reached=False):
    """Parts of `count` different rules: more than there are services and routes differ in thresholds. Nothing reaches
    these thresholds, or, if so asked, some of them are reached by chance."""
    for number in range(count):
        kind = ("count", "ratio", "count", "p99")[number % 4]
        of_kind = number // 4 if kind != "count" else number // 2
        never = {"count": 1_000_000 + number, "ratio": 0.9 + number / 10**7, "p99": (10 + number) * 10**9}
        some = {"count": 1_100 + number % 100, "ratio": 0.006 + number % 30 / 10**4, "p99": 198_300_000 + number % 50 * 10_000}
        yield {
            "kind": kind,
            "number": number,
            "service": SERVICES[of_kind % 20],
            "route": ROUTES[of_kind // 20 % 8],
            "threshold": (some if reached else never)[kind],
        }


def text(count, reached=False):
    """A rule file."""
    return "".join(RULE.format(**rule, what=WHAT[rule["kind"]].format(**rule)) for rule in rules(count, reached))
