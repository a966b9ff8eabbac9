"""OTLP JSON and stores for pages: what a browser is to show."""

import json
import pathlib
import subprocess
import time

MINUTE = 60_000_000_000
NOON = 1_714_564_800_000_000_000  # 2024-05-01T12:00:00Z


def span(number, service, name, end, *, start=None, parent=None, trace=None, error=False, **attributes):
    """A span of OTLP's JSON, and the service that sent it."""
    body = {
        "traceId": f"{trace or number:032x}",
        "spanId": f"{number:016x}",
        "name": name,
        "kind": 2,
        "startTimeUnixNano": str(end - 12_000_000 if start is None else start),
        "endTimeUnixNano": str(end),
        "attributes": [{"key": key, "value": {"stringValue": str(value)}} for key, value in attributes.items()],
        "status": {"code": 2, "message": error if isinstance(error, str) else ""} if error else {},
    }
    if parent:
        body["parentSpanId"] = f"{parent:016x}"
    return service, body


def otlp(spans):
    """One OTLP request with these spans."""
    resources = {}
    for service, body in spans:
        resources.setdefault(service, []).append(body)
    return json.dumps(
        {
            "resourceSpans": [
                {
                    "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
                    "scopeSpans": [{"spans": bodies}],
                }
                for service, bodies in resources.items()
            ]
        }
    )


def fluo(binary, *arguments, cwd, status=0):
    """Runs fluo, and returns what it said."""
    ended = subprocess.run([binary, *arguments], cwd=cwd, capture_output=True, text=True, timeout=600)
    assert ended.returncode == status, f"{arguments}: {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
    return ended


def report(binary, folder, rules, spans):
    """Writes rules and spans, and returns the page that fluo makes of them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "rules.yml").write_text(rules)
    (folder / "spans.json").write_text(otlp(spans))
    fluo(binary, "report", "--rules", "rules.yml", "--spans", "spans.json", "--out", "report.html", cwd=folder)
    return folder / "report.html"


LIVE_RULES = """
- name: logins-fail
  description: More logins than usual fail.
  span: {service_name: auth-service, status: error}
  group_by: [region]
  condition: {warning: count > 2, critical: count > 10}
  annotations: {runbook_url: 'https://runbooks.example/logins'}
  top: [user.id]
- name: cart-is-slow
  span: {service_name: cart}
  aggregation: {p95: {p95: duration}}
  condition: p95 > 300ms
  window: 2m
  every: 1m
- name: card-charged-twice
  span: {service_name: payment}
  condition: count > 0
  every: 1m
  window: 1m
  for: 10m
- name: quiet-at-night
  span: {service_name: batch}
  condition: count > 4
"""


def live(binary, folder):
    """An evaluator at work: something fires, something is silenced, something is pending, a rule file is broken. Returns
    the page that it keeps."""
    (folder / "rules").mkdir(parents=True)
    (folder / "store").mkdir()
    (folder / "rules" / "rules.yml").write_text(LIVE_RULES)
    (folder / "rules" / "broken.yml").write_text("- name: broken\n  condition: nope\n")
    (folder / "rules" / "silences.yml").write_text(
        "silences:\n  - comment: the new cart is rolled out\n    matchers: {rule: cart-is-slow}\n"
        "    from: 2024-05-01T00:00:00Z\n    until: 2024-05-02T00:00:00Z\n"
    )
    (folder / "fluo.yml").write_text("store: store\nrules: [rules]\nsinks: [{type: file, path: told.ndjson}]\n")
    tick = lambda minute: fluo(
        binary, "run", "--config", "fluo.yml", "--once", "--at", f"2024-05-01T12:{minute:02}:00Z", cwd=folder
    )
    tick(0)
    number = 0
    for minute in range(1, 9):
        spans = []
        for at in range(4):
            number += 4
            end = NOON + minute * MINUTE + at * 5_000_000_000
            failing = 3 <= minute
            spans.append(span(number, "auth-service", "login", end, error="bad token" if failing else False,
                              region="eu", **{"user.id": f"u-{at % 2}"}))
            spans.append(span(number + 1, "cart", "GET /cart", end, start=end - (250 + 20 * minute) * 1_000_000))
            spans.append(span(number + 2, "payment", "charge", end))
        arrived = NOON + minute * MINUTE + 25_000_000_000
        raw = folder / f"raw-{minute}.json"
        raw.write_text(otlp(spans))
        subprocess.run(["touch", "-d", f"@{arrived // 1_000_000_000}", raw], check=True)
        fluo(binary, "ingest", raw.name, "--spans", "store", cwd=folder)
        tick(minute + 1)
    return folder / "store" / "report" / "index.html"


HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">\u202eevil\u0007\u2066\"'&"


def hostile_spans():
    """Spans whose every text is hostile, and some of them long."""
    long = HOSTILE + "x" * 10_000
    spans = []
    for number in range(1, 13):
        text = long if number % 2 else HOSTILE
        end = NOON + number * 1_000_000_000
        spans.append(
            span(number, text, text, end, trace=number // 3 + 1, parent=number - 1 if number % 3 else None,
                 error=text, **{"user.id": f"{number % 3}{text}", "region": text})
        )
    return spans


HOSTILE_RULES = """
- name: hostile
  description: "<script>document.title='owned'</script> %s"
  annotations: {summary: "{{ group['user.id'] }} at {{ evidence[0].name }}", runbook_url: "javascript:alert(1)"}
  span: {}
  group_by: [user.id]
  condition: count > 0
  top: [region]
""" % ("y" * 600)


def many_rules(count):
    """Rules of which each is about something else, and one in ten has groups."""
    rules = []
    for number in range(count):
        grouped = "  group_by: [user.id]\n  group_limit: 20000\n" if number % 10 == 0 else ""
        rules.append(
            f"- name: rule-about-operation-{number}\n  description: Operation {number} is called too often.\n"
            f"  span: {{service_name: shop}}\n{grouped}  condition: count > {number * 17 + 1}\n  every: 1m\n  window: 1m\n"
        )
    return "".join(rules)


def many_spans(count):
    """Spans of as many users."""
    return [span(number, "shop", "call", NOON + number * 20_000_000, **{"user.id": f"user-{number}"})
            for number in range(1, count + 1)]
