"""What can go wrong in the store. None of these is a refusal of the trade: the desk retries, or an operator acts."""

from uuid import UUID


class StoreError(Exception):
    """The store cannot do what was asked; the message says what, where and what to do."""


class Conflict(StoreError):
    """Somebody else was faster. Nothing was stored: discard what was loaded, load again and decide again."""


class DuplicateCommand(Conflict):
    """The command is stored already, by another request or an earlier try. Look it up by its id and answer with it."""

    def __init__(self, command_id: UUID) -> None:
        super().__init__(f"command {command_id} is stored already: answer with its recorded result")
        self.command_id = command_id


class StoreFull(StoreError):
    """The disk of the store is full. Nothing was stored; reading goes on, and so does writing once there is room."""


class StoreAway(StoreError):
    """The store cannot be reached just now: it is down, failing over, or has more waiting than it can take.

    Whether a writing unit took effect may be unknown. Its command row tells, so trying again with the same command
    id is safe; a unit without one is decided again from what is loaded.
    """


class PartitionRefused(StoreError):
    """A year of the log cannot be detached or attached; the message says why."""


class StoreInUse(StoreError):
    """Another process has the embedded store open for writing."""


class StoreMissing(StoreError):
    """There is no store at the path."""


class NotMigrated(StoreError):
    """The store is older than this release."""


class NewerStore(StoreError):
    """The store, or an event in it, was written by a newer release."""


class UnknownTopic(StoreError):
    """A topic that no aggregate of this release declares."""


class UnreadableEvent(StoreError):
    """A stored event that does not fit its type."""


class WrongKey(StoreError):
    """The master key does not open what was encrypted under another one, or the stored bytes were altered."""


class Damaged(StoreError):
    """A backup that is not whole, or not as it was written; the message names the part and the position."""


class NotEmpty(StoreError):
    """A store that was to be restored into holds something already."""


class RestoreCutShort(StoreError):
    """A restore into the store began and did not end: restore again."""
