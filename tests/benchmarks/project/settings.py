"""The demo's settings with the baseline's app, a second template engine, and rate limits out of the way."""

import os
from typing import Any

from crm_demo.database import postgresql
from crm_demo.settings import *  # noqa: F403
from crm_demo.settings import BASE_DIR, DATABASES, FLEX_OUTBOUND, INSTALLED_APPS, TEMPLATES

INSTALLED_APPS = [*INSTALLED_APPS, "tests.benchmarks.bare"]
ROOT_URLCONF = "tests.benchmarks.project.urls"

# The throttles stay in the way of each request, as in production; only their limits are out of reach.
FLEX_OUTBOUND = {
    **FLEX_OUTBOUND,
    "RATE_LIMITS": {
        "click": "1000/second",
        "poll": "1000000/minute",
        # Speed is measured with Twilio's limits out of the way, in the sandbox and here.
        **({} if "BENCH_LIMITS" in os.environ else dict.fromkeys(["interactions", "task_searches", "conversations"])),
    },
}

_TEMPLATE: dict[str, Any] = TEMPLATES[0]
TEMPLATES = [
    {**_TEMPLATE, "NAME": "django"},
    {
        **_TEMPLATE,
        "NAME": "without",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            **_TEMPLATE["OPTIONS"],
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    [f"tests.benchmarks.project.loaders.{kind}" for kind in ("Files", "Apps")],
                )
            ],
        },
    },
]

# A second database, for the same query over tables of two sizes in one process.
if "BENCH_LARGE_URL" in os.environ:
    DATABASES = {**DATABASES, "large": postgresql(os.environ["BENCH_LARGE_URL"])}
    DATABASE_ROUTERS = ["tests.benchmarks.project.router.Switch"]
