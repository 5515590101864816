"""The demo's settings with the baseline's app, a second template engine, and rate limits out of the way."""

import os

from crm_demo.database import postgresql
from crm_demo.settings import *  # noqa: F403
from crm_demo.settings import BASE_DIR, DATABASES, FLEX_OUTBOUND, INSTALLED_APPS, TEMPLATES

INSTALLED_APPS = [*INSTALLED_APPS, "tests.benchmarks.bare"]
ROOT_URLCONF = "tests.benchmarks.project.urls"

# The throttles stay in the way of each request, as in production; only their limits are out of reach.
FLEX_OUTBOUND = {**FLEX_OUTBOUND, "RATE_LIMITS": {"click": "1000/second", "poll": "1000000/minute"}}

TEMPLATES = [
    {**TEMPLATES[0], "NAME": "django"},
    {
        **TEMPLATES[0],
        "NAME": "without",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            **TEMPLATES[0]["OPTIONS"],
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
