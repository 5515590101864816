"""What the demo starts with: contacts, users, and the Twilio account of the sandbox."""
