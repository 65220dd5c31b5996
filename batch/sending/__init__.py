"""Workers that send changes at the pace the server allows: no HTTP, no file. See `runner`."""
