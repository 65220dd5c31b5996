"""What each row asks for, and whether it may be sent. `plan` is the door; no I/O."""
