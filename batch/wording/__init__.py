"""Sentences that people read, each once: what more than one place shows or a front end spells."""
