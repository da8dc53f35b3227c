"""The documents say what the code says, and lead where they claim to."""

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import domain
from domain.errors import REFUSALS, Refusal
from domain.kernel import CaseAggregate
from shaoxiang import docs

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("data/**/*.md")]


def subclasses(base: type) -> set[type]:
    """All classes below a class, at any depth."""
    below: set[type] = set(base.__subclasses__())
    return below.union(*map(subclasses, below))


@pytest.mark.parametrize("name", sorted(docs.PAGES))
def test_a_document_written_from_code_is_in_step(name: str) -> None:
    assert (docs.DOCS / name).read_text(encoding="utf-8") == docs.PAGES[name](), "run `make docs`"


def test_a_document_out_of_step_is_noticed_and_written_anew(tmp_path: Path) -> None:
    assert docs.stale(tmp_path) == list(docs.PAGES)
    docs.write(tmp_path)
    assert docs.stale(tmp_path) == []
    (tmp_path / "events.md").write_text("# The events\n", encoding="utf-8")
    assert docs.stale(tmp_path) == ["events.md"]


def test_every_event_of_the_domain_is_in_the_catalogue_with_a_topic_and_a_caption() -> None:
    for module in pkgutil.walk_packages(domain.__path__, "domain."):
        importlib.import_module(module.name)
    catalogue = docs.event_types()
    declared = {one for one in subclasses(CaseAggregate.Event) if one.__module__.startswith("domain.dispatch.facts")}
    assert declared
    assert declared <= set(catalogue.values())
    for topic, one in catalogue.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z0-9]+)*\.v\d+", topic), one
        assert one.__doc__, one


def test_every_refusal_has_a_code_of_its_own_and_is_listed() -> None:
    raised = {one for one in subclasses(Refusal) if one.__module__ == "domain.errors"}
    assert raised == set(REFUSALS)
    assert len({one.code for one in REFUSALS}) == len(REFUSALS)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_inside_the_project_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    broken = [target for target in targets if not (page.parent / target).exists()]
    assert not broken


def test_both_readmes_give_the_same_commands_and_the_makefile_has_them() -> None:
    commands = [
        re.findall(r"make ([a-z-]+)", (ROOT / name).read_text(encoding="utf-8"))
        for name in ("README.md", "README.zh-CN.md")
    ]
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert commands[0] == commands[1]
    assert set(commands[0]) <= set(targets)


def test_decisions_are_numbered_without_gaps_and_each_fits_a_page() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [path.name[:4] for path in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    assert all(len(path.read_text(encoding="utf-8").splitlines()) <= 60 for path in pages)
