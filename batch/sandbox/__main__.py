"""`python -m batch.sandbox`: the server in a process of its own."""

import sys

from batch.sandbox.server import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
