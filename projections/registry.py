"""Every view there is, in one visible list; a view stands behind those that it reads."""

from projections import (
    board,
    commendations,
    due,
    history,
    inbox,
    interviews,
    notices,
    reminders,
    timeliness,
)  # fmt: skip
from projections.timing import Timing
from projections.view import View


def views(timing: Timing) -> tuple[View, ...]:
    """All views; `timing` is what statistics must know of the rules."""
    return (
        board.VIEW,
        inbox.VIEW,
        due.VIEW,
        reminders.VIEW,
        commendations.VIEW,
        interviews.VIEW,
        notices.VIEW,
        history.VIEW,
        timeliness.view(timing),
    )
