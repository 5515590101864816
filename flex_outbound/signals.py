"""Signals for the host project (vocabulary). All are sent after commit, with ``send_robust``.

``interaction_queued``, ``interaction_created``, ``interaction_failed``, ``interaction_updated``: the sender is the
class ``Interaction``, the keyword ``interaction`` an instance.

``message_received``: a customer has written. ``message_updated``: something about a message has changed that people
see, such as its delivery, its text, or that it was removed. The sender is the class ``Message``; the keywords are
``message`` (its ``body`` is empty where texts are not kept), ``conversation``, ``interaction`` (our newest in it, or
None) and ``message_sid``. A worker sends them.

``consent_changed``: an entry was added to the ledger of who may be written to. The sender is the class
``ConsentEvent``, the keyword ``consent`` an instance. Whichever process added it sends the signal.

``account_trouble``: an error that only an administrator can mend, once a day for each cause. The sender is the class
``Account``; the keywords are ``account``, ``reason`` (a word of ``problems.REASONS``), ``code`` (Twilio's, or None),
and ``summary`` and ``remedy`` in words. They name no customer and no secret.
"""

from collections.abc import Callable
from typing import Any

from django.dispatch import Signal

interaction_queued = Signal()
interaction_created = Signal()
interaction_failed = Signal()
interaction_updated = Signal()
message_received = Signal()
message_updated = Signal()
consent_changed = Signal()
account_trouble = Signal()

observers: list[Callable[[Any], None]] = []
"""For the app's own metrics: called after commit for each interaction that moved, with the object in memory.

Unlike the signals they cost no query. Columns that the database sets, such as times, may be missing. They must be
quick.
"""
