"""What the project costs, each figure beside its baseline: ``make bench``. Nothing here asserts a time."""
