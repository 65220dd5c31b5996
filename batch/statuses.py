"""Which HTTP statuses may pass by themselves: one rule for changes and for reads alike."""

_PASSING_4XX = frozenset({408, 425, 429})
# With these the server says that it can't or won't do something, however often it is asked. All
# other 5xx may pass, also those that only gateways use: 520 to 527, 529, 530 and 598.
_LASTING_5XX = frozenset({501, 505, 506, 508, 510, 511})


def may_pass(http_status: int | None) -> bool:
    """True for a status that is worth another try; False for None, when no status came."""
    if http_status is None:
        return False
    if 500 <= http_status <= 599:
        return http_status not in _LASTING_5XX
    return http_status in _PASSING_4XX
