"""The matrix: every place of a click's way against everything that can happen there."""

from dataclasses import dataclass
from typing import Final

POINTS: Final = {
    "before_claim": "before claim",
    "after_claim": "after claim",
    "before_post": "before POST",
    "answer_lost": "POST sent, answer lost",
    "before_write": "answered, not written",
    "before_ack": "written, not acked",
    "callback": "during the callback",
    "reconcile": "during reconcile",
}
FAULTS: Final = {
    "kill_child": "SIGKILL child",
    "kill_worker": "SIGKILL worker",
    "stop": "SIGSTOP > lease",
    "timeout": "timeout",
    "reset": "reset",
    "500": "500",
    "429": "429",
    "malformed": "broken body",
    "hostile": "hostile answer",
    "unfit": "unfit words",
    "job_twice": "job twice",
    "callback_twice": "callback twice",
    "callback_late": "callback late",
    "callback_order": "callback out of order",
    "forged": "callback forged",
    "broker": "broker gone",
    "database": "database gone",
}
SPOILED: Final = ("malformed", "hostile", "unfit")
HTTP: Final = ("timeout", "reset", "500", "429", *SPOILED)
CALLBACKS: Final = ("callback_twice", "callback_late", "callback_order")
NOTHING_YET: Final = ("before_claim", "after_claim", "before_post")
DONE: Final = ("answer_lost", "before_write", "before_ack", "callback")
ORDER: Final = (("reconcile",), (*NOTHING_YET, *DONE[:-1]), ("callback",))
"""In which rows are brought to their places. A look comes seconds after its click, so the others would outlive their
leases meanwhile; whoever is held in a callback holds a lock on its row."""

UNKNOWN: Final = ("reconcile", "callback")
"""Places that only a row whose answer was lost comes by."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One thing that happens at one place. Its name is the key of the click that it happens to."""

    fault: str
    point: str

    @property
    def key(self) -> str:
        """The click's idempotency key."""
        return f"cell-{self.fault}-{self.point}"

    @property
    def impossible(self) -> str:
        """Why this cannot occur, empty where it can."""
        if self.fault in HTTP:
            return _no_request(self.fault, self.point)
        if self.fault in CALLBACKS and self.point in NOTHING_YET:
            return "Flex has nothing yet that it could call about"
        return ""


def _no_request(fault: str, point: str) -> str:
    if point == "callback":
        return "a callback is applied from what it says; Twilio is not asked"
    if point not in ("before_post", "answer_lost", "reconcile"):
        return "no request is under way there"
    if (fault, point) == ("429", "answer_lost"):
        return "what is answered 429 was never processed: no work whose answer could be lost"
    if fault in SPOILED and point == "before_post":
        return "a 2xx with a broken body is an answer to work that was done: see its answer lost"
    return ""


CELLS: Final = [Cell(fault, point) for fault in FAULTS for point in POINTS]
POSSIBLE: Final = [cell for cell in CELLS if not cell.impossible]
BEYOND: Final = {
    "beyond-fence": "stopped behind the fence, until after the settle time",
    "beyond-settle": "work that Flex does later than the settle time",
}
"""What no client can exclude without an idempotency key at Twilio: a second interaction has to be found and closed."""
