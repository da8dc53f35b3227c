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
