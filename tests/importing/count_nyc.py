"""Counts the sample of New York's service requests from the CSV alone: the project's code takes no part in it.

`python tests/importing/count_nyc.py FILE` prints the counts as JSON.
"""

import csv
import json
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

BOROUGHS = ("BRONX", "BROOKLYN", "MANHATTAN", "QUEENS", "STATEN ISLAND")
THERE, HERE = ZoneInfo("America/New_York"), ZoneInfo("Asia/Shanghai")


def sound(row: dict[str, str]) -> bool:
    """Whether a row tells where it is, and when it was closed if it was."""
    closed = row["status"] == "Closed"
    placed = bool(row["latitude"] and row["longitude"]) and row["borough"] in BOROUGHS
    return placed and closed == bool(row["closed_date"])


def day(text: str) -> str:
    """The day at the site's zone on which a New York time falls."""
    return datetime.fromisoformat(text).replace(tzinfo=THERE).astimezone(HERE).date().isoformat()


def count(path: Path) -> dict[str, Any]:
    """What an import of the file must come to."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    taken = [row for row in rows if sound(row)]
    closed = [row for row in taken if row["status"] == "Closed"]
    return {
        "rows": len(rows),
        "accepted": len(taken),
        "refused": sorted(row["unique_key"] for row in rows if not sound(row)),
        "refused_rows": [number for number, row in enumerate(rows, start=2) if not sound(row)],
        "board": Counter((row["agency"], row["borough"], row["status"] == "Closed") for row in taken),
        "by_agency": Counter(row["agency"] for row in taken),
        "by_borough": Counter(row["borough"] for row in taken),
        "by_item": Counter(row["complaint_type"] for row in taken),
        "by_day": Counter(day(row["created_date"]) for row in taken),
        "closed_by_agency": Counter(row["agency"] for row in closed),
        "closed_by_day": Counter(day(row["closed_date"]) for row in closed),
        "closed_with_due": sum(1 for row in closed if row["due_date"]),
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Counter):
        return {"/".join(map(str, key)) if isinstance(key, tuple) else key: many for key, many in value.items()}
    return value


if __name__ == "__main__":
    counts = {name: _plain(value) for name, value in count(Path(sys.argv[1])).items()}
    sys.stdout.write(json.dumps(counts, indent=1) + "\n")
