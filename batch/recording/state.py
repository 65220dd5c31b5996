"""The user's state folder: what has to outlive one run, such as locks and the list of runs."""

import os
from pathlib import Path

import platformdirs


def default_state_dir() -> Path:
    """The folder of this program's state, as the system has it; it may not exist yet."""
    try:
        return platformdirs.user_state_path("sendkit-batch", appauthor=False)
    except RuntimeError:  # a user without a home; only what needs the folder is to fail, and say so
        return Path(os.devnull) / "sendkit-batch"
