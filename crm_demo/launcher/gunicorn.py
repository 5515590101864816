"""How gunicorn serves the demo: one process, a few threads."""

worker_class = "gthread"
workers = 1
threads = 4
graceful_timeout = 2
timeout = 30
loglevel = "warning"
# No log of requests: addresses and search words of customers stand in query strings.
accesslog = None
# Newer releases open a control socket in the home directory, where two demos would meet; older ones skip this line.
control_socket_disable = True
