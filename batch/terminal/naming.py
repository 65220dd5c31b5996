"""Which earlier run is meant, and where runs are.

Of the settings only the folder of runs is looked at, so their file is not named to anybody.
"""

import os
from pathlib import Path

from batch.errors import SettingsError
from batch.jobs.request import command
from batch.jobs.runs import find_run
from batch.recording.atomic_file import disk_errors
from batch.recording.state import default_state_dir
from batch.settings.load import default_config_dir, load_settings


def named_run(name: str) -> Path:
    """The folder of the run with this path, or with this name. Raises UsageError."""
    if Path(name, "run.json").is_file():
        return Path(name)
    return find_run(name, state_dir=default_state_dir(), runs_dir=default_runs_dir())


def folder_for_files(command_name: str, folder: Path, out: Path | None) -> Path | None:
    """The folder that `--out` names for files made again, made if need be; None for the run's own.

    Raises SettingsError where that can't be written, naming what can be run instead.
    """
    if out is not None:
        with disk_errors(out):
            out.mkdir(mode=0o700, parents=True, exist_ok=True)
        return out
    if not os.access(folder, os.W_OK):
        instead = command(command_name, str(folder), "--out", f"{command_name}-{folder.name}")
        raise SettingsError(
            f"{folder}: can't be written, and the files belong there. To have them elsewhere: "
            f"{instead}"
        )
    return None


def default_runs_dir() -> Path:
    """Where runs are made, by the settings of here and now. Raises SettingsError."""
    loaded = load_settings(None, {}, os.environ, Path.cwd(), default_config_dir())
    return Path(loaded.settings.run.runs_dir)
