"""What stands in the way of a row that misses its aim, and what was tried: printed below the row."""

from typing import Final

_BUSY: Final = "database, broker, sandbox and workers share the cores, so a load average above them misses it. "
"""What is true of each row that counts requests per second."""

REMARKS: Final[dict[tuple[str, str], str]] = {
    ("b", "200 ms: ours beside the raw SDK"): (
        f"{_BUSY}Tried: batches of 16, requests of two batches under way, answers written together."
    ),
    ("b", "200 ms: CPU in the worker beside the raw SDK's"): (
        "of about 2 ms in a dispatch, 0.6 ms are the request. Most of the rest are the rows of six joined tables, read "
        "in the claim. Tried: batches, SQL of the claim that is kept, one statement for all outcomes, one HTTP client "
        "for all threads."
    ),
    ("b", "0 ms: ours beside the raw SDK"): (
        f"{_BUSY}Nothing but CPU is left at 0 ms, and a dispatch takes about twice that of the SDK's call."
    ),
    ("c", "time"): (
        "two queries are left, and the planning of one takes about 1 ms: permissions, channels and unread answers in "
        "one statement. Tried: markup and SQL made once, what a contact has kept by its fields, the line of the "
        "timeline left to pages that have one."
    ),
    ("g", "interactions/s beside Twilio's limit"): (
        f"{_BUSY}A request that comes late is answered 429, and what it took of the limit is lost. Tried: slots that "
        "are reserved before the request is made ready, by how long that lately took."
    ),
    ("g", "429s, % of attempts"): (
        f"{_BUSY}Requests leave at their slots, but reach the sandbox together where no core is free for them."
    ),
    ("h", "a name"): (
        "the name that is searched for is part of half of the names, as no real one is: 10,001 matches are counted, as "
        "in each list, and each name that is tried is put into capitals once for each word. Tried: a trigram index, "
        "matches read by their keys, names read once."
    ),
    ("k", "workers and PostgreSQL, beside a call of the raw SDK"): (
        "one interaction here is a click, 14 callbacks, their jobs, and pages that poll: 80 transactions, most of them "
        "single statements of the web process. Tried: callbacks applied in batches and their jobs merged (11.5 of them "
        "before, 1.2 now), accounts and senders kept for seconds, no read-back for metrics. Each message's callback "
        "writes its row, and each conversation is read once when it opens."
    ),
    ("m", "kept beside what was written"): (
        f"{_BUSY}No job waits and nothing is untold at the end, so what is missing came late. Tried: the row in "
        "the callback's own request, one job for many of them."
    ),
    ("m", "newest page"): (
        "each page reads its 39 rows by their keys, which in a large table lie apart, so that fewer are found in "
        "PostgreSQL's memory. Tried: all messages of the contact read and sorted (2.0 times), the keys as an IN (1.7 "
        "times: in a large table planning takes twice as long)."
    ),
}
"""By the letter of the group and the name of the row, as the table prints them. A row that meets its aim shows none."""
