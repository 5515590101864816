"""Runs the demo on one machine: one process starts and watches broker, sandbox, worker and web server."""
