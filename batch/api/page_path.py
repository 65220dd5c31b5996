"""Where the pages of the API's lists are. Pure."""

from urllib.parse import quote, urlencode

MOST_A_PAGE = 100  # the largest page is not documented; a server that takes less says 400


def leads_path(
    campaign_id: str, *, cursor: str | None, limit: int | None, status: str | None = None
) -> str:
    """The path of a page of a campaign's leads.

    cursor: None for the first page. status: leads of that status alone; None for all.
    """
    path = f"/v1/campaigns/{quote(campaign_id, safe='')}/leads"
    return _asking(path, status=status, cursor=cursor, limit=limit)


def campaigns_path(*, cursor: str | None, limit: int | None) -> str:
    """The path of a page of the workspace's campaigns."""
    return _asking("/v1/campaigns", cursor=cursor, limit=limit)


def _asking(path: str, **asked: str | int | None) -> str:
    query = urlencode({name: value for name, value in asked.items() if value is not None})
    return f"{path}?{query}" if query else path
