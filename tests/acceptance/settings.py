"""The demo's settings with its patience cut down, so that what the tests wait for comes within seconds."""

from crm_demo.settings import *  # noqa: F403
from crm_demo.settings import FLEX_OUTBOUND as _DEMO

# HTTP_TIMEOUT < LEASE_SECONDS ≤ SETTLE_SECONDS must hold; the demo's own timeouts alone would ask for 14 seconds.
# What lies between timeout and lease is for a busy machine: a worker slower than that rightly does not send.
FLEX_OUTBOUND = _DEMO | {
    "HTTP_TIMEOUT": (1.0, 2.5),
    "LEASE_SECONDS": 6,
    "SETTLE_SECONDS": 6,
    "SWEEP_SECONDS": 1,
    "RATE_LIMITS": {"click": "6000/minute", "poll": "60000/minute"},
}

# Hashes that are slow on purpose would be most of what signing in and seeding cost here.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
