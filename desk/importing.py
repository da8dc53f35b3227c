"""Bringing in what other systems recorded: each matter once, all of it or nothing, and the same again on every run."""

import hashlib
import json
from uuid import UUID, uuid5

from desk.unit import response_id
from desk.world import World
from domain.dispatch.imported import Matter, Streams, tell
from domain.errors import AlreadyDone
from domain.kernel import Kind, Meta, child, new_family
from store.errors import Conflict
from store.log import CommandRow

IMPORTS = UUID("5d0e1c7a-90b3-5f0c-8b52-3e6d7a41c9f2")
"""The namespace of the command ids under which matters are brought in."""

IMPORTER = UUID("00000000-0000-8000-8000-496d706f7274")
"""The person id under which imported facts stand."""

ROLE = ORGANISATION = "import"
COMMAND = "import_case"
FIRST_WHISTLE = 1

SUBSTANCE = {"created_at", "closed_at", "due_at", "description", "place", "item", "department", "result"}
"""What makes a matter the same one on a second run. The rest follows from the mapping, which may be improved."""


class Importer:
    """Brings matters of one source into the log; `name` tells the sources apart."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name = world, name

    def bring(self, key: str, matter: Matter) -> bool:
        """Record a matter under the key that it has at its source, with its command, in one transaction.

        True when it was recorded, False when it stands already. Raises `AlreadyDone` where it was brought in earlier
        with another content: a history is not written again.
        """
        command_id = uuid5(IMPORTS, f"{self.name}/{key}")
        content = hashlib.sha256(matter.model_dump_json(include=SUBSTANCE).encode()).hexdigest()
        if self._stands(command_id, key, content):
            return False
        streams = _streams(new_family(matter.created_at, command_id.int))
        meta = Meta(
            actor=IMPORTER, role=ROLE, organisation=ORGANISATION, case_id=streams.case, command_id=command_id,
            correlation_id=streams.case, imported=True,
        )  # fmt: skip
        result = json.dumps({"report": str(streams.report), "case": str(streams.case), "number": matter.number})
        row = CommandRow(
            id=command_id, actor=IMPORTER, name=COMMAND, request_hash=content, result=result, at=self.world.now()
        )  # fmt: skip
        try:
            self.world.log.append(list(tell(matter, streams, meta)), command=row)
        except Conflict:
            # Another run of the same import was faster, or the streams belong to something else, which nothing mends.
            if not self._stands(command_id, key, content):
                raise
            return False
        return True

    def _stands(self, command_id: UUID, key: str, content: str) -> bool:
        earlier = self.world.log.command(command_id)
        if earlier is not None and earlier.request_hash != content:
            raise AlreadyDone(
                "It was imported before with another content, and a history is not written again: "
                "bring the case up to date by commands.",
                key=key,
            )
        return earlier is not None


def _streams(family: UUID) -> Streams:
    """The ids that the desk itself would give: so everything that finds one stream from another finds these."""
    whistle = child(family, Kind.WHISTLE, FIRST_WHISTLE)
    return Streams(family, child(family, Kind.CASE), whistle, response_id(whistle, 0))
