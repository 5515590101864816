"""The record: Django migrations."""
