"""The use cases. Each takes plain values and returns a typed result; none prints."""
