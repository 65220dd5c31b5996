"""The use cases in a terminal: options in, texts and exit codes out."""
