"""The back end of an app: an API with tokens, and no sessions, templates, messages or admin."""

import json
import os

SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = ["127.0.0.1"]
DATABASES = json.loads(os.environ["DATABASES"])

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "rest_framework.authtoken",
    "directory",
]
MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
ROOT_URLCONF = "backend.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}

CELERY_BROKER_URL = os.environ["CELERY_BROKER_URL"]
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True

# --- flex_outbound ---
INSTALLED_APPS += ["rest_framework", "flex_outbound"]
FLEX_OUTBOUND = {
    "PUBLIC_BASE_URL": os.environ["PUBLIC_URL"],
    "API_BASE_URL": os.environ.get("FLEX_API_BASE_URL"),
    "RATE_LIMITS": {"click": "4/minute", "poll": None},
}
