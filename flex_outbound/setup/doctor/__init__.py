"""Checks of a running installation: each part is asked for real. ``manage.py flex_doctor`` prints the results."""
