"""Settings of the demo CRM. Everything that differs from machine to machine comes from the environment.

``CRM_DEBUG`` (1), ``CRM_SECRET_KEY``, ``CRM_SALT_KEY``, ``CRM_ALLOWED_HOSTS``, ``CRM_VAR_DIR``; ``CRM_DB_PATH`` or
``DATABASE_URL``; ``CELERY_BROKER_URL``; ``FLEX_API_BASE_URL``, ``PUBLIC_BASE_URL``, ``FLEX_TASK_URL``,
``FLEX_LEASE_SECONDS``, ``FLEX_SETTLE_SECONDS``, ``FLEX_RATE_LIMITS`` (``off``).
"""

import os
from pathlib import Path
from typing import Any

from crm_demo.database import postgresql, sqlite

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = Path(os.environ.get("CRM_VAR_DIR", BASE_DIR / "var"))
VAR_DIR.mkdir(parents=True, exist_ok=True)  # for the database, which Django opens for `check` already

DEBUG = os.environ.get("CRM_DEBUG", "1") == "1"
SECRET_KEY = os.environ.get("CRM_SECRET_KEY", "demo-only-secret-key-never-use-it-for-anything-real" if DEBUG else "")
SALT_KEY = os.environ.get("CRM_SALT_KEY", "demo-only-salt-never-use-it-for-anything-real" if DEBUG else "")
ALLOWED_HOSTS = os.environ.get("CRM_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]").split(",")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "flex_outbound",
    "crm_demo",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "crm_demo.csp.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "crm_demo.urls"
WSGI_APPLICATION = "crm_demo.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "crm_demo.context.demo",
            ]
        },
    }
]

_database_url = os.environ.get("DATABASE_URL", "")
DATABASES: dict[str, dict[str, Any]] = {
    "default": postgresql(_database_url)
    if _database_url
    else sqlite(os.environ.get("CRM_DB_PATH", VAR_DIR / "demo.sqlite3"))
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "crm:contacts"
LOGOUT_REDIRECT_URL = "login"

LANGUAGE_CODE = "en"
LANGUAGES = [  # the reader's own, as the browser says
    ("en", "English"),
    ("de", "Deutsch"),
    ("es", "Español"),
    ("fr", "Français"),
    ("pt-br", "Português (Brasil)"),
]
TIME_ZONE = "UTC"
USE_I18N = True
USE_TZ = True

STATIC_URL = "static/"
# Static files come from the apps: the demo runs from a checkout, and collected copies can be out of date.
WHITENOISE_USE_FINDERS = True
WHITENOISE_ALLOW_ALL_ORIGINS = False

# --- celery -------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_TIMEOUT = 2
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2}
CELERY_TASK_IGNORE_RESULT = True
# A new connection to PostgreSQL for every job would cost more than the job. flex_outbound's jobs check theirs first.
CELERY_DB_REUSE_MAX = 1000
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# --- flex_outbound ------------------------------------------------------------------------------------------
_sandbox_url = os.environ.get("FLEX_API_BASE_URL", "http://127.0.0.1:8765")
FLEX_OUTBOUND: dict[str, Any] = {
    "API_BASE_URL": _sandbox_url,
    "PUBLIC_BASE_URL": os.environ.get("PUBLIC_BASE_URL", "http://127.0.0.1:8000"),
    "FLEX_TASK_URL": os.environ.get("FLEX_TASK_URL", _sandbox_url + "/#{task_sid}"),
    "SWEEP_SECONDS": 5,
    "OUTCOMES": ["Solved", "Call back", "No interest", "Wrong number"],
}
for _key in ("LEASE_SECONDS", "SETTLE_SECONDS"):
    if f"FLEX_{_key}" in os.environ:
        FLEX_OUTBOUND[_key] = float(os.environ[f"FLEX_{_key}"])

if CELERY_BROKER_URL.startswith("redis"):
    # All workers count Twilio's limits together.
    FLEX_OUTBOUND["RATE_LIMIT_STORAGE"] = CELERY_BROKER_URL
if os.environ.get("FLEX_RATE_LIMITS") == "off":
    FLEX_OUTBOUND["RATE_LIMITS"] = dict.fromkeys(["interactions", "task_searches", "conversations"])

# --- security -----------------------------------------------------------------------------------------------
_https = FLEX_OUTBOUND["PUBLIC_BASE_URL"].startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _https
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [FLEX_OUTBOUND["PUBLIC_BASE_URL"]] if _https else []
SECURE_REFERRER_POLICY = "same-origin"
# Links to Flex use one tab again; with Django's default the browser cannot find it.
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin-allow-popups"
X_FRAME_OPTIONS = "DENY"

REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"]}

# --- logging: paths and identifiers; no query strings, no SQL, no addresses, no message text ----------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "plain"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        "django": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "flex_outbound": {"level": "INFO"},
        "celery": {"level": "INFO"},
    },
}
