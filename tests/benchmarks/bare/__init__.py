"""The baseline: the least that a Django project would do by itself for a click."""
