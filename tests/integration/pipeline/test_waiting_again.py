"""What waits for an answer, and is asked for again: by the same click, with the same text, by the customer."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from flex_outbound.models import Interaction
from flex_outbound.outbox import opening_now

from .conftest import Clicker
from .test_waiting import wait

__all__ = ["wait"]

pytestmark = pytest.mark.django_db(transaction=True)


class TestTheSameClick:
    """Two requests to open it that have one key."""

    def test_both_at_once_get_the_same_one(self, wait: Clicker, agent: User, monkeypatch: pytest.MonkeyPatch) -> None:
        row = wait()
        same = Interaction.objects.get(pk=row.pk)
        real: Callable[..., Interaction] = opening_now._checked
        first: list[Interaction] = []

        def late(*args: Any) -> Interaction:
            made = real(*args)
            monkeypatch.setattr(opening_now, "_checked", real)
            first.append(opening_now.open_now(same, agent, "once"))
            return made

        monkeypatch.setattr(opening_now, "_checked", late)
        assert [opening_now.open_now(row, agent, "once")] == first
        assert Interaction.objects.exclude(pk=row.pk).get() == first[0]
