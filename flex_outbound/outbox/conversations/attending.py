"""The job about an account's conversations: tell the host what was said, and read what callbacks left out."""

from flex_outbound.outbox.conversations import reading, searching, telling


def attend(account_id: int) -> int:
    """Tell the host of messages, ask what pages want to know, and read what is due. Returns how many were read."""
    while telling.tell(account_id) == telling.BATCH:
        pass
    searching.search_due(account_id)
    return reading.read_due(account_id)
