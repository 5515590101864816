"""The job about an account's conversations: tell the host what was said, and read what callbacks left out.

A customer who wrote while nobody was there gets an agent.
"""

from flex_outbound.outbox import inbound
from flex_outbound.outbox.conversations import reading, searching, telling


def attend(account_id: int) -> int:
    """Tell the host of messages, ask what pages want to know, and read what is due. Returns how many were read."""
    while telling.tell(account_id) == telling.BATCH:
        pass
    searching.search_due(account_id)
    read = reading.read_due(account_id)
    # Only now it is known whose the conversations are.
    inbound.open_due(account_id)
    return read
