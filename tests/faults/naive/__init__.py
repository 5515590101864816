"""What a project would write without this package: the yardstick of the chaos run."""
