"""The project's own files: what is locked, what runs in a container, what a commit runs."""

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent.parent
PYPROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_the_lock_names_public_places_only() -> None:
    lock = (ROOT / "uv.lock").read_text(encoding="utf-8")
    addresses = re.findall(r'(?:url|registry) = "([^"]+)"', lock)
    assert addresses
    assert {urlsplit(address).netloc for address in addresses} == {"pypi.org", "files.pythonhosted.org"}


def test_everything_the_project_needs_is_pinned_to_a_range() -> None:
    needs = PYPROJECT["project"]["dependencies"]
    assert all(">=" in one for one in needs)
    assert "eventsourcing>=9.5.6,<9.6" in needs


def test_every_rule_of_the_linter_that_is_left_out_says_why() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lint = text[text.index("[tool.ruff.lint]") : text.index("[tool.ruff.lint.flake8-tidy-imports")]
    left_out = re.findall(r'^ +"[A-Z]+\d*",(.*)$', lint, flags=re.MULTILINE)
    assert len(left_out) > 10
    assert all(re.search(r"# \S.{6,}\.$", reason) for reason in left_out)


def test_ci_runs_what_a_developer_runs_and_stops_at_the_first_failure() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    text = script.read_text(encoding="utf-8")
    steps = re.findall(r"^step (.+)$", text, flags=re.MULTILINE)
    assert steps == ["make install", "make check", "make test", "make load"]
    stub = text.replace("make install", "false").replace('cd "$(dirname "$0")/.."', "")
    assert subprocess.run(["sh", "-c", stub], capture_output=True, check=False).returncode == 1


def test_make_lists_every_target_that_it_declares() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    declared = set(re.findall(r"^\.PHONY: (help .+)$", text, flags=re.MULTILINE)[0].split())
    listed = subprocess.run(
        ["make", "--no-print-directory", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {line.split()[1] for line in listed.stdout.splitlines()} == declared


def test_no_word_of_the_workplace_is_left_in_the_project() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True,
        check=True,
    ).stdout.splitlines()  # fmt: skip
    strange = re.compile(r"(?<![\w.])/(work|root|home|tmp)/|\b(DOMAIN|DESIGN|SCENARIOS|LIBRARIES|BRIEF)\.md\b|DOMAIN §")
    found = [
        f"{name}: {match.group()}"
        for name in listed
        if (ROOT / name).is_file() and name != Path(__file__).relative_to(ROOT).as_posix()
        for match in strange.finditer((ROOT / name).read_text(encoding="utf-8", errors="replace"))
    ]
    assert not found
