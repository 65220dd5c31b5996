"""What came of a run, for people to read and pass on: one self-contained page."""
