"""The demo CRM as one would run it for real. A project of your own has these lines in its own settings."""
