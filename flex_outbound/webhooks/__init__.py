"""Twilio's callbacks: verify, store, answer 204, queue. What they mean is for ``outbox.callbacks``."""
