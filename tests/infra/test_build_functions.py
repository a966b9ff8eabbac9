"""The script that builds zips, with a compiler that is none."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cloudformation import INFRA

FUNCTIONS = ["compact-spans", "evaluate-rules", "ingest-spans", "notify-chat"]

# Writes what it was asked to build, and the arguments, where the script looks for them.
CARGO = """#!/bin/sh
[ "$2" != --version ] || exit 0
printf '%s\\n' "$*" >>cargo-calls
while [ $# -gt 0 ]; do
  case "$1" in
    --lambda-dir) folder=$2; shift ;;
    --package) mkdir -p "$folder/${2#fluo-}"; echo "$2 in $folder" >"$folder/${2#fluo-}/bootstrap"; shift ;;
  esac
  shift
done
"""


@pytest.fixture
def clone(tmp_path):
    """A clone with the script, and the compiler on its path."""
    (tmp_path / "infra").mkdir()
    shutil.copy(INFRA / "build-functions", tmp_path / "infra")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/cargo").write_text(CARGO)
    (tmp_path / "bin/cargo").chmod(0o755)
    return tmp_path


def build(clone, *arguments):
    path = f"{clone / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        [clone / "infra/build-functions", *arguments],
        cwd=clone.parent,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


def contents(path):
    with zipfile.ZipFile(path) as archive:
        return {entry.filename: archive.read(entry).decode() for entry in archive.infolist()}


def test_shellcheck_finds_nothing():
    ended = subprocess.run(
        [Path(sys.executable).parent / "shellcheck", INFRA / "build-functions"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "")


def test_both_architectures_are_built_and_arm64_is_to_be_deployed(clone):
    ended = build(clone)
    assert ended.returncode == 0, ended.stderr
    for architecture in ("arm64", "x86_64"):
        zips = sorted((clone / "infra/dist" / architecture).iterdir())
        assert [zipped.stem for zipped in zips] == FUNCTIONS
        for zipped in zips:
            made = f"fluo-{zipped.stem} in target/functions/{architecture}\n"
            assert contents(zipped) == {"bootstrap": made}
    for function in FUNCTIONS:
        assert contents(clone / f"infra/dist/{function}.zip") == contents(clone / f"infra/dist/arm64/{function}.zip")
    calls = (clone / "cargo-calls").read_text().splitlines()
    assert [call.split()[5] for call in calls] == ["--arm64", "--x86-64"]
    assert all(call.startswith("lambda build --locked --profile lambda ") for call in calls)


def test_one_architecture_is_built_and_to_be_deployed(clone):
    assert build(clone, "--arch", "x86_64").returncode == 0
    assert not (clone / "infra/dist/arm64").exists()
    assert "x86_64" in contents(clone / "infra/dist/ingest-spans.zip")["bootstrap"]


def test_the_other_architecture_is_deployed(clone):
    assert build(clone, "--deploy", "x86_64").returncode == 0
    assert "x86_64" in contents(clone / "infra/dist/ingest-spans.zip")["bootstrap"]


def test_the_same_binaries_give_the_same_zips(clone):
    assert build(clone, "--arch", "arm64").returncode == 0
    first = {path.name: path.read_bytes() for path in (clone / "infra/dist").glob("*.zip")}
    for binary in (clone / "target").rglob("bootstrap"):
        os.utime(binary, (1, 1))
    assert build(clone, "--arch", "arm64").returncode == 0
    assert {path.name: path.read_bytes() for path in (clone / "infra/dist").glob("*.zip")} == first
    with zipfile.ZipFile(clone / "infra/dist/notify-chat.zip") as archive:
        [entry] = archive.infolist()
    assert (entry.date_time, entry.external_attr >> 16) == ((1980, 1, 1, 0, 0, 0), 0o100755)


def test_rules_are_bundled_with_the_evaluator(clone):
    (clone / "my/auth").mkdir(parents=True)
    (clone / "my/auth/logins.yml").write_text("- name: a\n")
    assert build(clone, "--arch", "arm64", "--rules", "my").returncode == 0
    assert contents(clone / "infra/dist/evaluate-rules.zip")["rules/auth/logins.yml"] == "- name: a\n"
    assert list(contents(clone / "infra/dist/ingest-spans.zip")) == ["bootstrap"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--arch", "mips"], "and not mips"),
        (["--arch", "arm64", "--deploy", "x86_64"], "--deploy x86_64 is not built"),
        (["--deploy"], "--deploy needs a value"),
        (["--fast", "1"], "unknown option --fast"),
        (["--rules", "nowhere"], "no folder nowhere"),
    ],
)
def test_a_mistake_is_told_and_nothing_is_built(clone, arguments, said):
    ended = build(clone, *arguments)
    assert (ended.returncode, said in ended.stderr) == (2, True), ended.stderr
    assert not (clone / "cargo-calls").exists()


def test_a_build_that_fails_deploys_nothing(clone):
    (clone / "bin/cargo").write_text('#!/bin/sh\n[ "$2" = --version ]\n')
    ended = build(clone)
    assert ended.returncode != 0
    assert not list((clone / "infra/dist").glob("*.zip"))
