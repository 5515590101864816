"""Django, set up by DJANGO_SETTINGS_MODULE, before a script imports models."""

import django

django.setup()
