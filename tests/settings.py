"""Settings of the test suite: the demo's, made fast and cut off from every network.

``TEST_DATABASE_URL`` (``postgresql://…``, ``mysql://…``) runs the suite on PostgreSQL or MariaDB instead of SQLite.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from crm_demo.database import sqlite
from crm_demo.settings import *  # noqa: F403
from crm_demo.settings import BASE_DIR, MIDDLEWARE
from tests import databases

SECRET_KEY = "tests-only"
SALT_KEY = "tests-only"
ALLOWED_HOSTS = ["*"]

_url = os.environ.get("TEST_DATABASE_URL", "")
DATABASES = {"default": databases.named(_url) if _url else sqlite(BASE_DIR / "var" / "tests.sqlite3")}
if not _url:
    # In memory, all threads would share one connection, and with it their transactions: the server that a browser
    # calls, and the test. A file of each process gives each thread its own, as in production.
    _files = Path(tempfile.mkdtemp(prefix="flex-outbound-tests-"))
    atexit.register(shutil.rmtree, _files, ignore_errors=True)
    DATABASES["default"]["TEST"] = {"NAME": str(_files / "tests.sqlite3")}
    # Nobody needs them after a power failure.
    DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
MIDDLEWARE = [name for name in MIDDLEWARE if not name.startswith("whitenoise.")]

MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}  # Django 6.1 asks for them

CELERY_BROKER_URL = "memory://"
CELERY_TASK_ALWAYS_EAGER = False

# Port 9 answers nobody: what has neither a double nor a sandbox of its own fails at once, far from Twilio.
FLEX_OUTBOUND = {"API_BASE_URL": "http://127.0.0.1:9", "PUBLIC_BASE_URL": "https://crm.example.com"}
