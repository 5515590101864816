"""What is kept of people: erased, handed out, deleted when it is old."""
