"""The record's life as a model: tried at random, searched through, and compared with the code that it mirrors."""
