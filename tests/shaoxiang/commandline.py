"""The command line as a person meets it: what is typed, what comes out, and with which exit code."""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import Any, NamedTuple
from unittest.mock import patch

from shaoxiang.cli import main


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """What `--json` printed: one object."""
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The one line that an error is told in, however wide the terminal is."""
        return " ".join(self.err.split())


def shaoxiang(*arguments: object) -> Ran:
    """Run the command line in this process."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    typed = ["shaoxiang", *map(str, arguments)]
    with redirect_stdout(out), redirect_stderr(err), patch.object(sys, "argv", typed):
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    return Ran(code, out.getvalue(), err.getvalue())
