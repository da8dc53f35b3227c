"""What can go wrong at the desk besides a refusal of the trade: the ways of asking again."""

from typing import ClassVar


class DeskError(Exception):
    """A command that was not decided. The message says what to do; `code` is stable."""

    code: ClassVar[str] = "DESK"


class StaleVersion(DeskError):
    """The thing has changed since the caller looked: read it again, then decide."""

    code = "STALE_VERSION"


class CommandReused(DeskError):
    """The command's id was used before with another body: use a new id."""

    code = "COMMAND_REUSED"


class CommandInFlight(DeskError):
    """The same command is being decided right now: ask again in a moment, with the same id."""

    code = "COMMAND_IN_FLIGHT"


class Busy(DeskError):
    """Others kept changing what the command looked at: ask again with the same id."""

    code = "BUSY"
