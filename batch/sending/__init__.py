"""Workers that send changes at the pace the server allows: no HTTP, no file. See `runner`.

How fast that is, is worked out in `pace`, which sees no worker and never waits.
"""
