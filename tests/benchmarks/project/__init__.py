"""The demo as it is measured: its own settings, with the baseline's views beside its own."""
