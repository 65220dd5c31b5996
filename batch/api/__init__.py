"""SendKit's API over httpx: one change to one answer. `sendkit` is the door."""
