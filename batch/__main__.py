"""`python -m batch` is the same command as `sendkit-batch`."""

from batch.cli import main

if __name__ == "__main__":
    main()
