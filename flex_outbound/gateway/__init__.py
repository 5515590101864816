"""The only room that knows Twilio. It never touches the ORM."""
