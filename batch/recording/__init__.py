"""A run's folder: its record, its journal, its results."""
