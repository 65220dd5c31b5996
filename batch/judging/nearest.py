"""The address of a campaign that is nearest to one that it has not, while looking is cheap."""

import polars as pl

from batch.near_names import NearNames

# Comparisons of two addresses that are spent on suggestions: about a second.
_COMPARISONS = 200_000

# Addresses of one company are much alike: below this, they are those of two people.
_CUTOFF = 0.85


class Nearest:
    """Suggestions among campaigns' leads; looked for once an address, and only so often."""

    def __init__(self, leads: pl.DataFrame) -> None:
        """leads: campaign_id, and key, by which addresses are compared."""
        self._leads = leads
        self._left = _COMPARISONS
        self._names = NearNames()
        self._keys: dict[str, list[str]] = {}
        self._found: dict[tuple[str, str], str | None] = {}

    def to(self, key: str, campaign_id: str) -> str | None:
        """The nearest address of the campaign; None if none is near, or looking costs too much."""
        asked = (campaign_id, key)
        if asked not in self._found and self._left > 0:
            keys = self._keys_of(campaign_id)
            self._left -= max(len(keys), 1)
            if self._left > 0:
                self._found[asked] = self._names.nearest(key, keys, cutoff=_CUTOFF)
        return self._found.get(asked)

    def _keys_of(self, campaign_id: str) -> list[str]:
        if campaign_id not in self._keys:
            own = self._leads.filter(pl.col("campaign_id") == campaign_id)["key"]
            self._keys[campaign_id] = own.head(_COMPARISONS).to_list()
        return self._keys[campaign_id]
