"""What sending comes to, in the numbers that a person decides by."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What some requests would do.

    requests: changes to send, one a lead; sendable_rows: the rows that they are made of.
    to_active, to_paused, tags_set, tags_cleared: requests that do so.
    clears_rows: sendable rows that clear the tag.
    """

    requests: int
    sendable_rows: int
    to_active: int
    to_paused: int
    tags_set: int
    tags_cleared: int
    clears_rows: int

    @property
    def tag_changes(self) -> int:
        """Requests that set or clear a tag: those that can start or stop e-mails."""
        return self.tags_set + self.tags_cleared
