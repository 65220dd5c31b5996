"""The use cases, which wire all the rest: check, run, resume."""
