"""`python -m bench NAME [--store sqlite] [--json]`: run one bench and print its figures and the machine."""

import argparse
import importlib
import json
import sys

from bench.harness import machine

BENCHES = {
    "write": "bench.write",
    "fold": "bench.fold",
    "rebuild": "bench.rebuild",
    "load": "bench.load",
    "rebuild-load": "bench.rebuild_load",
    "timers": "bench.timers",
    "reads": "bench.reads",
    "requests": "bench.requests",
}
"""Each module has `run(store)`, which answers rows, at once or as they come. A row is a dict with a name and figures
that JSON can hold.

A module with OPTIONS (name → default) takes these on the command line, and hands them to `run` by name. A row with
bars that were `missed` makes the exit code 1.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the named bench; answers the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", choices=sorted(BENCHES))
    parser.add_argument("--store", choices=["sqlite", "postgres"], default="sqlite")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options, rest = parser.parse_known_args(arguments)
    bench = importlib.import_module(BENCHES[options.name])
    own = argparse.ArgumentParser(prog=f"python -m bench {options.name}")
    for name, default in getattr(bench, "OPTIONS", {}).items():
        own.add_argument(f"--{name}", type=type(default), default=default)
    rows = []
    for row in bench.run(options.store, **vars(own.parse_args(rest))):
        rows.append(row)
        if not options.json:
            figures = (f"{key.replace('_', ' ')} {value}" for key, value in row.items() if key != "name")
            print(f"  {row['name']}: " + ", ".join(figures), flush=True)
    if options.json:
        print(json.dumps({"bench": options.name, "store": options.store, "machine": machine(), "rows": rows}, indent=2))
    else:
        print(f"{options.name} on {options.store}: " + ", ".join(f"{key} {value}" for key, value in machine().items()))
    return int(any(row.get("missed") for row in rows))


if __name__ == "__main__":
    sys.exit(main())
