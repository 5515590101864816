"""What is said in conversations: heard by callbacks or by reading, kept once, told to the host."""
