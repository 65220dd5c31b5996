"""Settings and the key, from options, environment and files. `load` is the door."""
