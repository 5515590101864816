"""The demo's initial data: contacts, users, and the Twilio account of the sandbox."""
