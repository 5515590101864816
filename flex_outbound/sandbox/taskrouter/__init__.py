"""TaskRouter's part of the sandbox: workspaces, workers, tasks, reservations and events."""
