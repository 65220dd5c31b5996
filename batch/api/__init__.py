"""SendKit's API over httpx: one change to one answer. `sendkit` is the door.

The HTTP/1.1 transport of our own is a room within, `http1`.
"""

import sys

# httpx takes in a command line of its own, with rich, click and pygments: 45 ms of each start. It
# goes without where that can't be imported.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # documented: not there
