"""A sandbox of three workspaces, and a file with rows of each, for tests of runs of several."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from batch.sandbox.options import Options
from batch.sandbox.process import Sandbox
from tests.support.in_process import sendkit_batch, start_sandbox
from tests.support.program import Ran, lead_id, received, write_rows

HEADER = ("workspace", "campaignId", "campaignLeadId", "status", "aiTag")
NAMES = ("Acme", "Beta 2", "Café")
ROWS = 30  # of the leads, ten of each workspace


def campaign(number: int) -> str:
    return f"64f1c0a95e8b7d2f3a6c9e{number:02x}"


def leads(status: str = "paused") -> list[tuple[str, ...]]:
    return [(NAMES[n % 3].upper(), campaign(n % 3), lead_id(n), status, "Hot") for n in range(ROWS)]


WRONG = [
    ("Acne", campaign(0), lead_id(900), "paused", ""),
    ("", campaign(0), lead_id(901), "paused", ""),
    ("Beta 2", campaign(1), lead_id(1), "", "Own"),  # a label of Acme alone
    ("Acme", campaign(0), lead_id(902), "active", ""),  # no lead of that workspace
]


class World:
    """A folder, and a sandbox with three workspaces of ten leads each."""

    def __init__(self, cwd: Path, sandbox: Sandbox) -> None:
        self.cwd = cwd
        self.sandbox = sandbox
        self.ids = [each.id for each in sandbox.workspaces]
        self._seen = 0

    def do(self, *args: str | Path, **env: str) -> Ran:
        self._seen = len(received(self.sandbox, operation=None))
        return sendkit_batch(
            *args,
            cwd=self.cwd,
            env={
                "SENDKIT_API_KEY": self.sandbox.platform_key,
                "SENDKIT_BATCH_API_BASE_URL": self.sandbox.base_url,
                "SENDKIT_BATCH_PACE_RATE": "500",
                "SENDKIT_BATCH_RUN_SKIP_UNCHANGED": "never",
                **env,
            },
        )

    @property
    def environ_of_page(self) -> dict[str, str]:
        return {
            "SENDKIT_API_KEY": self.sandbox.platform_key,
            "SENDKIT_BATCH_API_BASE_URL": self.sandbox.base_url,
            "SENDKIT_BATCH_RUN_SKIP_UNCHANGED": "never",
        }

    @property
    def requests(self) -> list[dict[str, Any]]:
        """What the last command sent."""
        return received(self.sandbox, operation=None)[self._seen :]

    @property
    def changed(self) -> Counter[tuple[str, str]]:
        """How often the last command changed each lead, by workspace."""
        return Counter(
            (each["workspaceId"], each["campaignLeadId"])
            for each in self.requests
            if each["operation"] == "patch" and each["applied"]
        )

    @property
    def state_dir(self) -> Path:
        return self.cwd / ".state" / "sendkit-batch"

    def rows(self, rows: Sequence[Sequence[str]], name: str = "leads.csv") -> str:
        write_rows(self.cwd / name, HEADER, rows)
        return name


def keys_of_its_own(world: World) -> dict[str, str]:
    """Settings with a key for each workspace, and the environment that has the keys."""
    sections = "".join(
        f'[workspaces."{name}"]\napi_key_env = "KEY_{n}"\n' for n, name in enumerate(NAMES)
    )
    (world.cwd / "own.toml").write_text(sections, "utf-8")
    keys = {f"KEY_{n}": each.api_key for n, each in enumerate(world.sandbox.workspaces)}
    return {**keys, "SENDKIT_API_KEY": ""}


@contextmanager
def three_workspaces(
    cwd: Path,
    *faults: str,
    names: Sequence[str] = NAMES,
    **options: Any,  # noqa: ANN401 - of Options
) -> Iterator[World]:
    """A world whose leads are all active and Hot. names: of the workspaces, in their order."""
    seed = [
        (names[n % 3], campaign(n % 3), lead_id(n), "active", "Hot")
        for n in range(ROWS)
        if n % 3 < len(names)
    ]
    made = Options(
        seed_csv=write_rows(cwd / "seed.csv", HEADER, seed),
        workspaces=tuple(names),
        labels=("Cold",),
        workspace_labels=(f"{names[0]}=Own",),
        faults=faults,
        **options,
    )
    with start_sandbox(made) as sandbox:
        yield World(cwd, sandbox)
