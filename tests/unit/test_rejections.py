"""Every reason that a rejection is given has a name in one list, and words."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Final

from flex_outbound import outbox, problems
from flex_outbound.outbox import barriers, consent, preflight, readiness, templates

CONSENT: Final = {consent.OPTED_OUT, barriers.NO_CONSENT, barriers.CONSENT_UNKNOWN}
ABSENT: Final = {"contact_gone", "contact_not_visible"}
WORKED_OUT: Final[dict[tuple[str, str], set[str]]] = {
    ("answers", "_why_absent(conversation)"): ABSENT,
    ("answers", "barrier"): CONSENT,
    ("enqueue", "barrier"): CONSENT,
    ("enqueue", "reason"): CONSENT,
    ("readiness", "state.reason"): {readiness.OFFLINE, readiness.FULL, readiness.SWITCHED_OFF},
    ("recheck", "barrier"): CONSENT,
    ("recheck", "reason"): ABSENT,
    ("templates", "reason"): {templates.GONE, templates.NOT_APPROVED, templates.UNFIT},
}
"""By module and expression: what an expression may be that is neither a text nor a constant."""


def given() -> Iterator[str]:
    """Return the reasons that the pipeline's modules make rejections with."""
    for found in pkgutil.walk_packages(outbox.__path__, f"{outbox.__name__}."):
        module = importlib.import_module(found.name)
        for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Rejection":
                yield from _reasons(module, node.args[0])


def _reasons(module: ModuleType, reason: ast.expr) -> set[str]:
    if isinstance(reason, ast.Constant):
        return {str(reason.value)}
    said = ast.unparse(reason)
    return {getattr(module, said)} if said.isupper() else WORKED_OUT[module.__name__.split(".")[-1], said]


def test_the_list_of_rejections_is_what_they_are_made_with() -> None:
    assert set(given()) == preflight.REJECTIONS


def test_every_rejection_has_words() -> None:
    unknown = problems.agent_message("unknown_error")
    assert {one for one in preflight.REJECTIONS if problems.agent_message(one) == unknown} == set()
