"""The job about an account's conversations: tell the host what was said, and read what callbacks left out."""

from flex_outbound.outbox.conversations import reading, telling


def attend(account_id: int) -> int:
    """Tell the host of messages, and read the conversations that are due. Returns how many were read."""
    while telling.tell(account_id) == telling.BATCH:
        pass
    return reading.read_due(account_id)
