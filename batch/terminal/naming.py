"""Which earlier run is meant, and where runs are.

Of the settings only the folder of runs is looked at, so their file is not named to anybody.
"""

import os
from pathlib import Path

from batch.jobs.listing import find_run
from batch.recording.state import default_state_dir
from batch.settings.load import default_config_dir, load_settings


def named_run(name: str) -> Path:
    """The folder of the run with this path, or with this name. Raises UsageError."""
    if Path(name, "run.json").is_file():
        return Path(name)
    return find_run(name, state_dir=default_state_dir(), runs_dir=default_runs_dir())


def default_runs_dir() -> Path:
    """Where runs are made, by the settings of here and now. Raises SettingsError."""
    loaded = load_settings(None, {}, os.environ, Path.cwd(), default_config_dir())
    return Path(loaded.settings.run.runs_dir)
