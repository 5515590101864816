"""Runs the whole demo on one machine: broker, sandbox, job worker and web server, watched by one process."""
