"""Signals for the host project (vocabulary). All are sent after commit, with ``send_robust``.

``interaction_queued``, ``interaction_created``, ``interaction_failed``, ``interaction_updated``: sender is the
``Interaction`` class; keyword ``interaction`` the row. ``message_received``: keywords ``interaction``,
``message_sid``; the text is not passed on.
"""

from django.dispatch import Signal

interaction_queued = Signal()
interaction_created = Signal()
interaction_failed = Signal()
interaction_updated = Signal()
message_received = Signal()
