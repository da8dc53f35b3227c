"""The documents that come from code: the event catalogue, the settings, the error codes.

`python -m shaoxiang.docs` writes them into docs/, `--check` fails when one of them is out of step.
"""

import importlib
import inspect
import pkgutil
import sys
import types
from collections.abc import Iterator, Sequence
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import AwareDatetime
from pydantic.fields import FieldInfo

import domain
from domain.errors import REFUSALS, Refusal
from domain.kernel import CaseAggregate, Fact, Opening
from shaoxiang.settings import PREFIX, Settings

DOCS = Path(__file__).resolve().parent.parent / "docs"
NOTE = "*Written from the code by `make docs`; do not edit by hand.*"
EVENTS = (
    "{count} kinds of event. Each carries `originator_id` (its stream), `originator_version`, `timestamp` (the "
    "server's receipt, aware UTC), `meta` (who, in which role, for which organisation, in which case, by which "
    "command, because of what) and `clocks` (those that it started, moved or ended, in their new state). The tables "
    "name what it carries besides. An event marked *opens* is the first of its stream."
)
SETTINGS = (
    "Set them in the environment or in a `.env` file in the working folder. An empty variable counts as unset. "
    "Durations are ISO 8601 (`PT5S` is five seconds), sizes are bytes."
)
ERRORS = (
    "A refusal changes nothing. Its message says what was refused, where, and what to do; its code is stable, and the "
    "same in scenario files, in the HTTP problems (`code`) and on screen."
)


def event_types() -> dict[str, type[CaseAggregate.Event]]:
    """Every event there is, by topic: whatever module of the domain declares it.

    An aggregate's `@event` decoration makes a subclass with the same topic; the declared class is the one returned.
    Raises `ValueError` when two unrelated classes share a topic.
    """
    for module in pkgutil.walk_packages(domain.__path__, "domain."):
        importlib.import_module(module.name)
    found: dict[str, type[CaseAggregate.Event]] = {}
    for one in _subclasses(CaseAggregate.Event):
        topic = one.__dict__.get("TOPIC")
        if topic is None or not one.__module__.startswith("domain."):
            continue
        other = found.setdefault(topic, one)
        if other is not one and issubclass(other, one):
            found[topic] = one
        elif other is not one and not issubclass(one, other):
            raise ValueError(f"Topic {topic} is claimed by {other.__qualname__} and {one.__qualname__}: rename one.")
    return dict(sorted(found.items()))


def _subclasses(base: type[CaseAggregate.Event]) -> Iterator[type[CaseAggregate.Event]]:
    for one in base.__subclasses__():
        yield one
        yield from _subclasses(one)


def events_page() -> str:
    """docs/events.md: every event by module, with its topic, what it means and what it carries."""
    by_module: dict[str, list[type[CaseAggregate.Event]]] = {}
    for one in event_types().values():
        by_module.setdefault(one.__module__, []).append(one)
    parts = [
        "# The events",
        NOTE,
        EVENTS.format(count=sum(map(len, by_module.values()))),
    ]
    for name, members in by_module.items():
        parts.append(f"## {name.rsplit('.', 1)[-1].replace('_', ' ').capitalize()}")
        parts.append(inspect.getdoc(sys.modules[name]) or "")
        parts.extend(_event_entry(one) for one in sorted(members, key=_line_of))
    return "\n\n".join(parts) + "\n"


def _line_of(one: type) -> int:
    """Where a class stands in its file, so that the page tells the story in the order of the code."""
    return inspect.getsourcelines(one)[1]


def _event_entry(one: type[CaseAggregate.Event]) -> str:
    opens = ", *opens*" if issubclass(one, Opening) else ""
    entry = [f"### `{one.__dict__['TOPIC']}`{opens}", f"**{one.__name__}.** {inspect.getdoc(one)}"]
    usual = {*Fact.model_fields, "originator_topic"}
    own = {name: field for name, field in one.model_fields.items() if name not in usual}
    if own:
        rows = [f"| {name} | `{type_name(field.annotation)}` | {_default(field)} |" for name, field in own.items()]
        entry.append("\n".join(["| Field | Type | Default |", "|---|---|---|", *rows]))
    return "\n\n".join(entry)


def settings_page() -> str:
    """docs/settings.md: every setting, its variable, type, default and meaning."""
    rows = [
        f"| `{PREFIX}{name.upper()}` | `{type_name(field.annotation)}` | {_default(field)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    table = "\n".join(["| Variable | Type | Default | Meaning |", "|---|---|---|---|", *rows])
    return f"# Settings\n\n{NOTE}\n\n{SETTINGS}\n\n{table}\n"


def errors_page() -> str:
    """docs/error-codes.md: every refusal's code and meaning."""
    rows = [f"| `{one.code}` | {_first_line(one)} |" for one in REFUSALS]
    table = "\n".join(["| Code | Meaning |", "|---|---|", *rows])
    return f"# Error codes\n\n{NOTE}\n\n{ERRORS}\n\n{table}\n"


def _first_line(one: type[Refusal]) -> str:
    return (inspect.getdoc(one) or "").splitlines()[0]


def type_name(hint: Any) -> str:
    """A type as a reader says it: `tuple[UUID, ...]`, `str or nothing`, an enumeration by its values."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is AwareDatetime or getattr(hint, "__name__", "") == "datetime":
        return "moment"
    if origin is Annotated:
        return type_name(args[0])
    if origin in {Union, types.UnionType}:
        return " or ".join("nothing" if one is types.NoneType else type_name(one) for one in args)
    if origin is Literal:
        return " / ".join(map(str, args))
    if origin is not None:
        return f"{origin.__name__}[{', '.join('...' if one is ... else type_name(one) for one in args)}]"
    if inspect.isclass(hint) and issubclass(hint, Enum):
        return " / ".join(str(one.value) for one in hint)
    return str(getattr(hint, "__name__", hint))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "–"
    value = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(value, timedelta):
        return f"`PT{value.total_seconds():g}S`"
    if isinstance(value, Enum):
        return f"`{value.value}`"
    return "nothing" if value is None or value in ((), "") else f"`{value}`"


PAGES = {"events.md": events_page, "settings.md": settings_page, "error-codes.md": errors_page}
"""Every document that comes from code, and what writes it."""


def stale(folder: Path = DOCS) -> list[str]:
    """The names of documents that do not say what the code says now."""
    return [
        name
        for name, page in PAGES.items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != page()
    ]


def write(folder: Path = DOCS) -> None:
    """Write every document anew."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


def main(arguments: Sequence[str]) -> int:
    """Write the documents, or with `--check` say which are out of step; answers the exit code."""
    if "--check" not in arguments:
        write()
        return 0
    late = stale()
    if late:
        sys.stderr.write(f"Out of step with the code: {', '.join(late)} in docs/. Run `make docs`.\n")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
