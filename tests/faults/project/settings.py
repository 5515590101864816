"""The acceptance tests' settings, made harsher: jobs are acknowledged late and delivered again when a worker dies.

HTTP_TIMEOUT < LEASE_SECONDS ≤ SETTLE_SECONDS holds, as the system checks ask for, and the sandbox's slowest answer
(see ``chaos``) is well within SETTLE_SECONDS.
"""

import os

from crm_demo.settings import (
    CELERY_BROKER_TRANSPORT_OPTIONS,
    CELERY_BROKER_URL,
    DATABASES,
    INSTALLED_APPS,
)
from tests.acceptance.settings import *  # noqa: F403
from tests.acceptance.settings import FLEX_OUTBOUND as _ACCEPTANCE
from tests.faults import times

INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.project", "tests.faults.naive"]
ROOT_URLCONF = "tests.faults.project.urls"

FLEX_OUTBOUND = _ACCEPTANCE | {
    "HTTP_TIMEOUT": (0.5, 1.5),
    "LEASE_SECONDS": times.LEASE,
    "SETTLE_SECONDS": times.SETTLE,
    "SWEEP_SECONDS": times.SWEEP,
    # Twilio's limits would stretch the run; a 429 is among the faults instead.
    "RATE_LIMITS": {
        "click": "100000/minute",
        "poll": "100000/minute",
        **dict.fromkeys(["interactions", "task_searches", "conversations"]),
    },
}

# By default a job is acknowledged before it runs, and one lost job is all that a dead worker costs. Late, the broker
# delivers it again, to rows in any state: the harder case, and the only one in which there is a "before the ack".
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
if CELERY_BROKER_URL.startswith("redis"):
    # Valkey gives a dead worker's jobs to the next one only after this time; an hour would outlast every run.
    CELERY_BROKER_TRANSPORT_OPTIONS = {**CELERY_BROKER_TRANSPORT_OPTIONS, "visibility_timeout": 5}
else:
    CELERY_BROKER_TRANSPORT_OPTIONS = {}

DATABASES["default"]["OPTIONS"] = {"connect_timeout": 2}

FAULTS_FOLDER = os.environ.get("FAULTS_FOLDER", "")
