"""The demo as a host project that can be held, stopped and killed at an exact place. For tests only."""
