"""The demo's settings and what several workers, a proxy and Prometheus need beside them; see docs/deployment.md."""

import os

from crm_demo.settings import *  # noqa: F403
from crm_demo.settings import CELERY_BROKER_URL, FLEX_OUTBOUND, VAR_DIR

ROOT_URLCONF = "crm_site.urls"

# The proxy in front must set this header itself and drop what a client sent under its name.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# Celery gives a job that a lost worker held to another one after an hour by default. Ours need not wait for that, since
# the sweep finds their rows; all the same, none of them lasts so long.
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "visibility_timeout": 600}

# The rest of a container can only be read.
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "beat-schedule")

FLEX_OUTBOUND |= {
    # Empty: Twilio itself.
    "API_BASE_URL": os.environ.get("FLEX_API_BASE_URL") or None,
    "CELERY_QUEUE": "flex",
    # Another number than the broker's: emptying the one leaves the other.
    "RATE_LIMIT_STORAGE": CELERY_BROKER_URL.removesuffix("/0") + "/1",
    "METRICS_TOKEN": os.environ.get("METRICS_TOKEN"),
}

# Where web processes count clicks and polls together.
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": CELERY_BROKER_URL.removesuffix("/0") + "/2",
    }
}
