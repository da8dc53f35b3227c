"""Every refusal, as a type.

A refusal says what was refused, where and what to do, and nothing has changed when it is raised.
The `code` is stable: scenario files, the HTTP problems and the console all name it.
"""

from typing import ClassVar


class Refusal(Exception):
    """A command that was refused. `message` is for a person, `details` are for a program."""

    code: ClassVar[str] = "REFUSED"

    def __init__(self, message: str, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def __reduce__(self) -> tuple[object, ...]:
        """Refusals cross process borders in tests and workers, so they pickle with their details."""
        return (_restore, (type(self), self.message, self.details))


def _restore(cls: type[Refusal], message: str, details: dict[str, object]) -> Refusal:
    return cls(message, **details)


class Unknown(Refusal):
    """An organisation, item, person, case or other named thing that the city does not have."""

    code = "UNKNOWN"


class Ambiguous(Refusal):
    """A name that two organisations share; the code tells them apart."""

    code = "AMBIGUOUS"


class NotPermitted(Refusal):
    """The role may not do this, or not in this jurisdiction."""

    code = "NOT_PERMITTED"


class SamePerson(Refusal):
    """Separation of duties: one person may not do both of two duties."""

    code = "SAME_PERSON"


class WrongState(Refusal):
    """The thing acted on is not in a state that allows the command."""

    code = "WRONG_STATE"


class AlreadyDone(WrongState):
    """The effect that the command asks for stands already."""

    code = "ALREADY_DONE"


class TooLate(Refusal):
    """The window for the command has passed."""

    code = "TOO_LATE"


class Invalid(Refusal):
    """The arguments are not acceptable."""

    code = "INVALID"


class ItemInList(Refusal):
    """Whistled alone, or jointly without a reason, although the street may handle it itself."""

    code = "ITEM_IN_LIST"


class ItemOutsideList(Refusal):
    """Direct handling of what the street may not handle itself."""

    code = "ITEM_OUTSIDE_LIST"


class LegalReviewMissing(Refusal):
    """A forced demolition needs a legal review that has passed."""

    code = "LEGAL_REVIEW_MISSING"


class NotCertified(Refusal):
    """An officer has no certificate that is valid on the day."""

    code = "NOT_CERTIFIED"


class TooFewOfficers(Refusal):
    """Enforcement on site needs at least two officers."""

    code = "TOO_FEW_OFFICERS"


class ExtensionLimit(Refusal):
    """No further extension may be asked for."""

    code = "EXTENSION_LIMIT"


class ExtensionTooLong(Refusal):
    """One extension moves the due time by at most the original limit."""

    code = "EXTENSION_TOO_LONG"


class LeadNotLast(Refusal):
    """The lead department is verified after every supporting one."""

    code = "LEAD_NOT_LAST"


class TooFar(Refusal):
    """A position is farther away than the rule allows."""

    code = "TOO_FAR"


REFUSALS: tuple[type[Refusal], ...] = (
    Unknown, Ambiguous, NotPermitted, SamePerson, WrongState, AlreadyDone, TooLate, Invalid, ItemInList,
    ItemOutsideList, LegalReviewMissing, NotCertified, TooFewOfficers, ExtensionLimit, ExtensionTooLong,
    LeadNotLast, TooFar,
)  # fmt: skip
"""Every refusal there is; the documentation of error codes is tested against this tuple."""
