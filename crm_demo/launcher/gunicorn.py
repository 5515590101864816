"""gunicorn's settings: one process with a few threads."""

worker_class = "gthread"
workers = 1
threads = 4
graceful_timeout = 2
timeout = 30
loglevel = "warning"
# No log of requests: query strings contain customers' addresses and search words.
accesslog = None
# Newer releases open a control socket in the home directory, which two demos would share. Older ones ignore this.
control_socket_disable = True
