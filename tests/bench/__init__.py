"""What a row costs: this program beside what one would write by hand. `python -m tests.bench`."""
