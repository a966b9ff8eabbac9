#!/usr/bin/env python3
"""Measures how long `fluo lsp` takes to answer, in a project of a thousand rules.

    benches/language_server.py FLUO [RULES] [FILES]

FLUO is the binary; RULES (1000) rules lie in FILES (200) files, each with its tests, beside silences and a fluo.yml. One
file is edited a hundred times; of each edit it is timed until its diagnostics come, and how long completion, hover and
quick fixes take right behind it. Milliseconds: median, 95th percentile, most.
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

EDITS = 100

RULE = """\
- name: rule-{n}
  description: Requests of service {n} fail.
  labels: {{team: team-{t}}}
  annotations:
    summary: "{{{{ value.errors }}}} of {{{{ value.total }}}} requests of {{{{ group['http.route'] }}}} failed"
  span:
    service_name: service-{n}
    kind: server
    attributes:
      http.request.method: [GET, POST]
    where: duration > 100ms and not (span.http.route =~ "^/health")
  window: 5m
  group_by: [http.route, http.request.method]
  aggregation:
    errors: {{count: {{where: span.http.response.status_code >= 500}}}}
    total: count
    slow: {{p99: duration}}
  condition: errors / total > 2% and total >= 100 or slow > 2s
  for: 2m
"""

TEST = """\
rules: [{file}]
tests:
  - name: nothing happens
    spans: [{{at: 0s..60s, every: 10s, service_name: service-{n}, name: x}}]
    expect: [{{rule: rule-{n}, at: 60s, state: inactive, group: {{http.route: null}}}}]
"""


class Client:
    def __init__(self, binary, folder):
        self.server = subprocess.Popen([binary, "lsp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder)
        self.number = 0

    def send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.server.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.server.stdin.flush()

    def receive(self):
        length = 0
        while (line := self.server.stdout.readline().strip()) != b"":
            if line.startswith(b"Content-Length:"):
                length = int(line.split(b":")[1])
        return json.loads(self.server.stdout.read(length))

    def tell(self, method, params):
        self.send({"method": method, "params": params})

    def ask(self, method, params):
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while (message := self.receive()).get("id") != self.number:
            pass
        assert "error" not in message, message
        return message["result"]

    def processor(self):
        """Seconds of a processor that the server has taken: the same whatever else the machine does."""
        fields = pathlib.Path(f"/proc/{self.server.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def diagnosed(self, uri):
        while True:
            message = self.receive()
            if message.get("method") == "textDocument/publishDiagnostics" and message["params"]["uri"] == uri:
                return message["params"]["diagnostics"]


def make(folder, rules, files):
    (folder / "rules").mkdir()
    each = rules // files
    for number in range(files):
        own = range(number * each, (number + 1) * each)
        (folder / f"rules/f{number}.yml").write_text("".join(RULE.format(n=n, t=n % 9) for n in own))
        (folder / f"rules/f{number}.test.yml").write_text(TEST.format(file=f"f{number}.yml", n=own[0]))
    (folder / "rules/silences.yml").write_text("silences:\n  - {id: s, comment: c, matchers: [team=team-3]}\n")
    sinks = "sinks:\n  - {type: stdout, labels: {team: team-1}}\n"
    (folder / "fluo.yml").write_text(f"store: store\nrules: [rules]\n{sinks}")


def shown(name, times):
    times = sorted(1000 * it for it in times)
    print(f"{name:28} {statistics.median(times):8.1f} {times[int(len(times) * 0.95)]:8.1f} {times[-1]:8.1f}")


def main():
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    rules, files = (int(it) for it in (sys.argv[2:] + ["1000", "200"][len(sys.argv) - 2 :]))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name).resolve()
        make(folder, rules, files)
        begin = time.perf_counter()
        client = Client(binary, folder)
        client.ask("initialize", {
            "processId": None, "rootUri": folder.as_uri(), "capabilities": {},
            "workspaceFolders": [{"uri": folder.as_uri(), "name": "bench"}],
        })
        client.tell("initialized", {})
        path = folder / "rules/f7.yml"
        uri, text = path.as_uri(), path.read_text()
        document = {"uri": uri, "languageId": "yaml", "version": 0, "text": text}
        client.tell("textDocument/didOpen", {"textDocument": document})
        assert client.diagnosed(uri) == []
        print(f"{rules} rules in {files} files: ready after {time.perf_counter() - begin:.2f} s")
        before = client.processor()
        took = {"edit to diagnostics": [], "completion": [], "hover on a rule": [], "quick fixes": []}
        for edit in range(1, EDITS + 1):
            broken = text.replace("service_name", "servce_name", 1) if edit % 2 else text
            change = {"textDocument": {"uri": uri, "version": edit}, "contentChanges": [{"text": broken}]}
            begin = time.perf_counter()
            client.tell("textDocument/didChange", change)
            assert len(client.diagnosed(uri)) == edit % 2
            took["edit to diagnostics"].append(time.perf_counter() - begin)
            line = next(number for number, line in enumerate(text.splitlines()) if "condition" in line)
            key = next(number for number, line in enumerate(text.splitlines()) if "service_name" in line)
            asked = [
                ("completion", "textDocument/completion", {"position": {"line": line, "character": 20}}),
                ("hover on a rule", "textDocument/hover", {"position": {"line": RULE.count("\n"), "character": 12}}),
                ("quick fixes", "textDocument/codeAction", {
                    "range": {"start": {"line": key, "character": 6}, "end": {"line": key, "character": 6}},
                    "context": {"diagnostics": []},
                }),
            ]
            for more, (name, method, params) in enumerate(asked, 1):
                # The answer is about a text that has just changed.
                change = {"textDocument": {"uri": uri, "version": edit}, "contentChanges": [{"text": broken + "\n" * more}]}
                client.tell("textDocument/didChange", change)
                begin = time.perf_counter()
                answer = client.ask(method, {"textDocument": {"uri": uri}, **params})
                took[name].append(time.perf_counter() - begin)
                assert answer is not None, name
        print(f"{'milliseconds':28} {'median':>8} {'95 %':>8} {'most':>8}")
        for name, times in took.items():
            shown(name, times)
        each = 1000 * (client.processor() - before) / (len(took) * EDITS)
        print(f"{'processor, each':28} {each:8.1f}")
        client.ask("shutdown", None)
        client.tell("exit", None)
        assert client.server.wait() == 0


main()
