"""How many files and connections this process may have open: on POSIX the one knows the other."""

import sys

from batch.errors import SettingsError

if sys.platform != "win32":
    import resource

# The journal, the input, logs, standard streams, the event loop, a sandbox's pipes: some 30, twice.
OTHER_FILES = 64


def raise_open_files(needed: int) -> None:
    """See to it that as many descriptors can be open at once; Windows knows no such limit.

    needed: connections and OTHER_FILES. The limit is raised for this process and those that it
    starts, never above what the system allows it. Raises SettingsError where that is not enough.
    """
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _is_enough(soft, needed):
        return
    if not _is_enough(hard, needed):
        raise _too_few("hard limit", hard, needed)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (OSError, ValueError) as error:  # macOS has one more limit, which only trying shows
        raise _too_few("limit", soft, needed) from error


def _is_enough(limit: int, needed: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= needed


def _too_few(kind: str, found: int, needed: int) -> SettingsError:
    return SettingsError(
        f"Open files: found a {kind} of {found}; expected {needed} or more for this many "
        f"connections. Lower --concurrency, or raise the limit first (ulimit -n {needed})."
    )
