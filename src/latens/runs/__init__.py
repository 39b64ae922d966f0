"""The run folder: all of one training on disk, and nothing that could run code when read."""
