"""The pages and forms of the app, which work without JavaScript."""
