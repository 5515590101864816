"""Metrics that each process counts: rates and times that no query could give at a bounded cost.

With PROMETHEUS_MULTIPROC_DIR, all processes that share the folder count together, in files of prometheus_client.
Without it, each process gives only its own counts.
"""

import os
from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from flex_outbound.exceptions import ConfigurationError

PREFIX: Final = "flex_outbound_"
FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"

if FOLDER in os.environ and not os.path.isdir(os.environ[FOLDER]):
    # Each counter below opens a file in it and would fail with a less clear message. Where the name is empty it would
    # not fail: prometheus_client then writes to the folder that the process was started in.
    raise ConfigurationError(
        f"{FOLDER} names a folder that does not exist: {os.environ[FOLDER]}"
        if os.environ[FOLDER]
        else f"{FOLDER} is set and empty: name a folder that all processes may write to, or unset it"
    )

REGISTRY = CollectorRegistry(auto_describe=True)
"""A registry of our own. The host's default registry is not changed."""

CLICKS = Counter(f"{PREFIX}clicks", "Clicks that became an interaction.", ["channel"], registry=REGISTRY)
CLICK_TO_OPEN = Histogram(
    f"{PREFIX}click_to_open_seconds",
    "Seconds from the click until Flex had the interaction, by the database's clock.",
    ["channel"],
    buckets=(0.25, 0.5, 1, 2, 3, 5, 10, 30, 60, 120, 300, 900),
    registry=REGISTRY,
)
FAILURES = Counter(f"{PREFIX}failures", "Interactions that failed.", ["channel", "reason"], registry=REGISTRY)
TWILIO_SECONDS = Histogram(
    f"{PREFIX}twilio_seconds",
    "Seconds that a request to Twilio took, successful or not.",
    ["operation"],
    buckets=(0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 15),
    registry=REGISTRY,
)
TWILIO_ERRORS = Counter(
    f"{PREFIX}twilio_errors",
    "Requests to Twilio that failed.",
    ["operation", "outcome", "code"],
    registry=REGISTRY,
)
CALLBACKS_ACCEPTED = Counter(
    f"{PREFIX}callbacks_accepted", "Callbacks that were verified and are about us.", ["source"], registry=REGISTRY
)
WAKEUPS_LOST = Counter(
    f"{PREFIX}wakeups_lost", "Jobs that could not be handed to the broker. The sweep does them.", registry=REGISTRY
)


class ProcessMetrics(Collector):
    """Our metrics of this process, or of all processes that share the folder, without the host's own."""

    def collect(self) -> Iterator[Metric]:
        """Yield them without the time of their creation, which the files do not keep either."""
        folder = os.environ.get(FOLDER)
        source: Collector = MultiProcessCollector(None, folder) if folder else REGISTRY  # type: ignore[no-untyped-call]
        for metric in source.collect():
            if metric.name.startswith(PREFIX):
                metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
                yield metric
