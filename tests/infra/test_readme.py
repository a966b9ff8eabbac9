"""infra/README.md lists what the template has."""

import re

import pytest

import checks
from cloudformation import INFRA, kebab_case, load

README = (INFRA / "README.md").read_text()


def section(heading):
    return README.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def test_parameters_are_listed_as_they_are():
    rows = [line for line in section("Parameters").splitlines() if line.startswith("| `")]
    wanted = []
    for name, parameter in load()["Parameters"].items():
        default = f"`{parameter['Default']}`" if parameter["Default"] != "" else ""
        wanted.append(f"| `{name}` | {default} | {parameter['Description']} |")
    assert rows == wanted


def test_resources_are_listed():
    listed = re.findall(r"`([A-Z]\w+)`(?=[^|]*\|[^|]*\|$)", section("Resources"), re.MULTILINE)
    assert sorted(listed) == sorted(load()["Resources"])


def test_every_alarm_says_what_to_do():
    names = {
        alarm["AlarmName"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
        for alarm in checks.properties(load(), "AWS::CloudWatch::Alarm").values()
    }
    rows = [line.split("|") for line in section("Alarms").splitlines() if line.startswith("| `")]
    assert {name for row in rows for name in re.findall(r"`([a-z-]+)`", row[1])} == names
    assert all(len(row) == 5 and row[2].strip() and row[3].strip() for row in rows)


@pytest.mark.parametrize("function", ["IngestSpans", "EvaluateRules", "NotifyChat"])
def test_metrics_that_alarms_watch_are_listed(function):
    [row] = [line for line in section("Logs and metrics").splitlines() if line.startswith(f"| of {kebab_case(function)} ")]
    for alarm in checks.properties(load(), "AWS::CloudWatch::Alarm").values():
        if alarm["Namespace"] == "fluo" and checks.target(alarm["Dimensions"][0]["Value"]) == function:
            assert f"`{alarm['MetricName']}`" in row


def test_links_lead_somewhere():
    # docs/cost.md is written with the figures, and may not be there yet.
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", README):
        assert (INFRA / link).exists() or link == "../docs/cost.md", link
    headings = {re.sub(r"[^a-z -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in README.splitlines() if line.startswith("#")}
    assert {anchor for anchor in re.findall(r"\]\(#([^)]+)\)", README)} <= headings
