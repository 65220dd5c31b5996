"""Where settings come from, and which of them an untrusted file may not decide alone.

Pure. A settings file in the current folder and a run's folder may come from anybody: what they say
is compared with the settings without them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from batch.settings.messages import quoted
from batch.settings.model import Settings, WorkspaceSettings, workspace_of, workspace_section
from batch.settings.values import Age, FinalStates, MaxErrors, OnConflict, Rate

Key = tuple[str, str]  # section and key, spelled as in a file

ADDRESS: Key = ("api", "base_url")
KEY_FILE: Key = ("api", "api_key_file")
KEY_FROM: Key = ("api", "key_from")
KEY_PLACES = ("api_key_env", "api_key_file")  # where a workspace's key is
RUNS_DIR: Key = ("run", "runs_dir")
RATE: Key = ("pace", "rate")
DAILY: Key = ("pace", "daily")


class Origin(StrEnum):
    """Who gave a setting its value."""

    DEFAULT = "default"  # the program
    OPTION = "option"  # the command line
    ENVIRONMENT = "environment"  # SENDKIT_BATCH_<SECTION>_<KEY>
    CONFIG = "config"  # the file that --config names
    USER_FILE = "user_file"  # the file in the user's configuration folder
    FOLDER_FILE = "folder_file"  # the file in the current folder, which may be anybody's
    LISTED_RUN = "listed_run"  # run.json of a run in the user's own list
    UNLISTED_RUN = "unlisted_run"  # run.json of any other run, which may be anybody's
    PAGE = "page"  # typed on the page

    @property
    def is_untrusted(self) -> bool:
        """True for a file that the user has not named, so that it may be anybody's."""
        return self in {Origin.FOLDER_FILE, Origin.UNLISTED_RUN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A setting that an untrusted file changes. is_guarded: needs a yes."""

    key: Key
    value: object
    is_guarded: bool

    def __str__(self) -> str:
        """As `clear_word = "none"`: one line of a file. An address is never cut."""
        shown = f'"{self.value}"' if self.key == ADDRESS else quoted(self.value)
        section, name = self.key
        where = "" if workspace_of(section) is None else f"[{section}] "
        return f"{where}{name} = {shown}"


def differences(settings: Settings, own: Settings) -> tuple[Difference, ...]:
    """The settings that an untrusted file changes, in the order of a settings file.

    own: the settings without it. Guarded are settings that decide what is sent and where, and those
    that lift a guardrail. The folder of runs and the key file have rules of their own, and are
    left out.
    """
    own_values = own.public()
    found = []
    for section, keys in settings.public().items():
        for name, value in keys.items():
            key = (section, name)
            if value == own_values[section].get(name) or key in {KEY_FILE, RUNS_DIR}:
                continue
            is_laxer = _LAXER.get(key)
            is_guarded = section == "columns" or key in _ALWAYS
            is_guarded = is_guarded or (is_laxer is not None and is_laxer(settings, own))
            found.append(Difference(key=key, value=value, is_guarded=is_guarded))
    for workspace, said in settings.workspaces.items():
        before = own.workspaces.get(workspace, WorkspaceSettings()).model_dump(mode="json")
        found += [
            Difference(key=(workspace_section(workspace), name), value=value, is_guarded=True)
            for name, value in said.model_dump(mode="json").items()
            if value != before[name]
        ]
    return tuple(found)


def _is_laxer_limit(limit: int, own: int) -> bool:
    """limit, own: numbers; 0 is no limit."""
    return own > 0 and (limit == 0 or limit > own)


def _is_laxer_stop(limit: MaxErrors, own: MaxErrors) -> bool:
    if limit.share is not None and own.share is not None:
        return limit.share > own.share
    if limit.count is not None and own.count is not None:
        return limit.count > own.count
    return True  # a number and a share can't be compared


def _is_faster(rate: Rate, own: Rate) -> bool:
    return own.per_s is not None and (rate.per_s is None or rate.per_s > own.per_s)


def _is_older(age: Age, own: Age) -> bool:
    return age.seconds > own.seconds


# They decide which rows go to which leads. The address has a question of its own.
_ALWAYS = {("api", "workspace_id"), ("api", "id_pattern"), ("input", "clear_word")}
_LAXER: Mapping[Key, Callable[[Settings, Settings], bool]] = {
    ("input", "on_conflict"): lambda new, _: new.input.on_conflict is not OnConflict.ERROR,
    RATE: lambda new, own: _is_faster(new.pace.rate, own.pace.rate),
    ("pace", "daily"): lambda new, own: _is_laxer_limit(new.pace.daily, own.pace.daily),
    ("pace", "budget"): lambda *_: True,  # which of two is the slower can't be told
    ("pace", "time_zone"): lambda _, own: own.pace.daily > 0,  # its day begins at another time
    ("run", "max_errors"): lambda new, own: _is_laxer_stop(new.run.max_errors, own.run.max_errors),
    ("run", "tag_change_limit"): lambda new, own: _is_laxer_limit(
        new.run.tag_change_limit, own.run.tag_change_limit
    ),
    ("run", "tag_change_limit_total"): lambda new, own: _is_laxer_limit(
        new.run.tag_change_limit_total, own.run.tag_change_limit_total
    ),
    ("run", "final_states"): lambda new, _: new.run.final_states is not FinalStates.LEAVE,
    ("run", "keep_before"): lambda new, _: not new.run.keep_before,
    ("run", "snapshot_age"): lambda new, own: _is_older(new.run.snapshot_age, own.run.snapshot_age),
    ("run", "plan_age"): lambda new, own: _is_older(new.run.plan_age, own.run.plan_age),
    ("run", "resume_within_h"): lambda new, own: new.run.resume_within_h > own.run.resume_within_h,
}
