"""Break the program in small ways, one at a time, and count what its tests notice."""
