from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.errors import InputError
from batch.judging.resolve import RESOLVED
from batch.recording.resolved import RESOLVED_NAME, Resolved, write_resolved


def frame(*rows: tuple[int, str | None, str | None]) -> pl.DataFrame:
    ids = [{"line": line, "campaignId": one, "campaignLeadId": two} for line, one, two in rows]
    return pl.DataFrame(ids, schema=RESOLVED)


@given(st.lists(st.integers(1, 5), max_size=6), st.integers(0, 20), st.integers(0, 20))
def test_what_was_written_in_parts_is_read_between_any_lines(
    tmp_path_factory: pytest.TempPathFactory, parts: list[int], first: int, last: int
) -> None:
    path = tmp_path_factory.mktemp("run") / RESOLVED_NAME
    lines = iter(range(2, 100))
    frames = [frame(*((next(lines), "c", "l") for _ in range(height))) for height in parts]
    write_resolved(path, [frame(), *frames])
    wanted = [line for line in range(2, 2 + sum(parts)) if first <= line <= last]
    assert Resolved(path).between(first, last)["line"].to_list() == wanted


def test_nobody_else_may_read_it_and_no_draft_stays(tmp_path: Path) -> None:
    path = tmp_path / RESOLVED_NAME
    write_resolved(path, [frame((2, "c", "l"))])
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [RESOLVED_NAME]


def test_of_several_runs_the_later_ones_ids_count_where_they_have_any(tmp_path: Path) -> None:
    first, retry = tmp_path / "first.parquet", tmp_path / "retry.parquet"
    write_resolved(first, [frame((2, "c", "l2"), (3, "c", None), (4, "c", "l4"))])
    write_resolved(retry, [frame((3, "d", "l3"), (4, "c", None))])
    assert Resolved(first, retry).between(2, 4).rows() == [
        (2, "c", "l2"),
        (3, "d", "l3"),
        (4, "c", "l4"),
    ]


@pytest.mark.parametrize("content", [None, b"", b"no columns"])
def test_a_file_that_is_gone_or_damaged_is_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / RESOLVED_NAME
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        Resolved(path)
    assert str(caught.value) == (
        f"{path}: can't be read. It says which leads the rows' e-mail addresses are; "
        "bring it back, or start a new run."
    )
