"""What runs in a process of its own, with settings of its own; each prints JSON."""
