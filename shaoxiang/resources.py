"""The data that ships with the product: found in a checkout and in an installed wheel alike, and read from there."""

import csv
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from domain.registry.organisations import City, Division, Organisation

HERE = Path(__file__).resolve().parent


def data_folder(chosen: Path | None = None) -> Path:
    """The folder with city, calendar, policy, rubric and catalogue: `chosen`, else the one that ships.

    Raises `FileNotFoundError` naming what was looked for.
    """
    candidates = [chosen] if chosen is not None else [HERE / "_data", HERE.parent / "data"]
    for folder in candidates:
        if (folder / "city").is_dir():
            return folder
    looked = " or ".join(map(str, candidates))
    msg = f"No data folder at {looked}: it must hold a folder named city. Set SHAOXIANG_DATA to one that does."
    raise FileNotFoundError(msg)


def read_json(path: Path) -> Any:
    """One JSON file, UTF-8; raises `ValueError` that names the file and the place where it is not JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        msg = f"{path} is not valid JSON: {error}. Correct it, or restore the file that was shipped."
        raise ValueError(msg) from error


def documents(kind: str, chosen: Path | None = None) -> list[dict[str, Any]]:
    """Every JSON document of one kind (calendar, policy, rubric, catalogue), in the order of the file names."""
    return [read_json(path) for path in sorted((data_folder(chosen) / kind).glob("*.json"))]


def load_city(chosen: Path | None = None) -> City:
    """The city of the data folder: its divisions, every street with its team, and the named organisations."""
    return _load_city(data_folder(chosen))


@lru_cache(maxsize=4)
def _load_city(folder: Path) -> City:
    facts = read_json(folder / "city" / "city.json")
    with (folder / "city" / facts.pop("divisions")).open(encoding="utf-8", newline="") as file:
        places = [Division.model_validate(row) for row in csv.DictReader(file)]
    named = [Organisation.model_validate(row) for row in facts.pop("organisations")]
    return City.build(places, named, **facts)


def load_people(chosen: Path | None = None) -> list[dict[str, Any]]:
    """The city's fictional officers: name (a role and a number), organisation, certificates with their validity.

    The desk registers them by its own commands; this only reads the file.
    """
    people: list[dict[str, Any]] = read_json(data_folder(chosen) / "city" / "people.json")["people"]
    return people


def scenario_files() -> list[Path]:
    """The scenario files that ship, in the order of their names."""
    folders = (HERE / "_scenarios", HERE.parent / "scenarios")
    return sorted(next((one for one in folders if one.is_dir()), folders[0]).glob("*.json"))
