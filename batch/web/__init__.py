"""The local page: what the terminal shows and asks, for people who would rather look."""
