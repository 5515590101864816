"""What stands in the way of a row that misses its aim, and what was tried: printed below the row."""

from typing import Final

REMARKS: Final[dict[tuple[str, str], str]] = {
    ("c", "time"): (
        "two queries (about 2 ms, one for the conversations that are open) and the options of 300 channels (about 3 "
        "ms) are left. Tried: markup made once for each set of channels, kept SQL, kept numbers and addresses, senders "
        "kept for seconds."
    ),
    ("c", "HTML per contact"): (
        "the scripts' words, 2.0 kB of the page, and those of the segments, 1.5 kB, are on each page whose scripts may "
        "show them. Tried: the inbox's words on its own page alone."
    ),
    ("h", "a name"): (
        "the first page is one short index scan. Over a million interactions a full name took 1.6 times as long. Tried "
        "a trigram index, matches read by their keys, names read once."
    ),
    ("k", "workers and PostgreSQL, beside a call of the raw SDK"): (
        "one interaction here is a click, 14 callbacks, their jobs, and pages that poll: 80 transactions, most of them "
        "single statements of the web process. Tried: callbacks applied in batches and their jobs merged (11.5 jobs "
        "before, 1.1 now), accounts and senders kept for seconds, no read-back for metrics. Each message's callback "
        "writes its row, and each conversation is read once when it opens."
    ),
    ("m", "newest page"): (
        "each page reads its 39 rows by their keys, which in a large table lie apart, so that fewer are found in "
        "PostgreSQL's memory. Tried: all messages of the contact read and sorted (2.0 times), the keys as an IN (1.7 "
        "times: in a large table planning takes twice as long)."
    ),
}
"""By the letter of the group and the name of the row, as the table prints them. A row that meets its aim shows none."""
