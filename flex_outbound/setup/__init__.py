"""Setting up and asking whether it is: plain functions, between the gateway and the screens of the admin."""
