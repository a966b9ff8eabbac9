"""infra/README.md lists what the template has."""

import re

import awscli.clidriver
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


@pytest.mark.parametrize("function", ["IngestSpans", "EvaluateRules", "CompactSpans", "NotifyChat"])
def test_metrics_that_alarms_watch_are_listed(function):
    [row] = [line for line in section("Logs and metrics").splitlines() if line.startswith(f"| of {kebab_case(function)} ")]
    for alarm in checks.properties(load(), "AWS::CloudWatch::Alarm").values():
        if alarm["Namespace"] == "fluo" and checks.target(alarm["Dimensions"][0]["Value"]) == function:
            assert f"`{alarm['MetricName']}`" in row


def commands():
    """Every call of the AWS CLI in the manual, as one line."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL) + re.findall(r"`(aws [^`]+)`", README)
    for text in blocks:
        # One within another is looked at by itself.
        for line in text.replace("\\\n", " ").replace("$(", "\n").splitlines():
            for call in re.findall(r"\baws (?:[a-z0-9-]+ [a-z0-9-]+)[^|)#]*", line):
                yield " ".join(call.split())


# The Python package is the CLI's version 1.
SINCE_VERSION_2 = {("configure", "export-credentials"), ("logs", "tail")}


def below(command):
    """The commands of a command. The CLI has no public way to ask for those of a service."""
    return getattr(command, "subcommand_table", None) or command._get_command_table()


def test_every_command_is_one_that_the_cli_knows():
    driver = awscli.clidriver.create_clidriver()
    services = below(driver)
    found = list(commands())
    assert len(found) > 25
    for command in found:
        _, service, operation = command.split()[:3]
        if (service, operation) in SINCE_VERSION_2:
            continue
        assert service in services, command
        operations = below(services[service])
        assert operation in operations, command
        if service == "s3":
            # Whose options come from elsewhere.
            continue
        known = set(operations[operation].arg_table) | {"query", "output"}
        options = set(re.findall(r" --([a-z0-9-]+)", command))
        assert options <= known, (command, options - known)


def test_links_lead_somewhere():
    for link in re.findall(r"\]\((?!https?:|#)([^)#]+)", README):
        assert (INFRA / link).exists(), link
    headings = {re.sub(r"[^a-z0-9 -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in README.splitlines() if line.startswith("#")}
    assert {anchor for anchor in re.findall(r"\]\(#([^)]+)\)", README)} <= headings
