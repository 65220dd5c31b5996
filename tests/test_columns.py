from itertools import pairwise

import pytest

from batch.columns import (
    ADDED_BY_FORMAT,
    ADDED_COLUMNS,
    ADDED_SETS,
    COLUMNS,
    FIRST_ADDED,
    is_of_later_format,
    recognised_fields,
    result_header,
)


@pytest.mark.parametrize(
    ("header", "written"),
    [
        (("campaignId", "note"), ("campaignId", "note")),
        (("line", "Result", "reason"), ("input_line", "Result", "input_reason")),
        (("line", "input_line"), ("input_input_line", "input_line")),
        (("message", "message"), ("input_message", "input_input_message")),
        ((), ()),
    ],
)
def test_a_users_column_named_like_an_added_one_is_written_under_a_free_name(
    header: tuple[str, ...], written: tuple[str, ...]
) -> None:
    assert result_header(header) == (*written, *ADDED_COLUMNS)


def test_the_first_format_of_the_results_stays_as_files_have_it() -> None:
    assert (
        ",".join(FIRST_ADDED)
        == "line,result,reason,http_status,attempts,elapsed_ms,message,sent_at,server_status,"
        "server_ai_tag,subsequence"
    )


def test_each_format_of_the_results_begins_with_the_one_before() -> None:
    assert sorted(ADDED_BY_FORMAT) == list(range(1, len(ADDED_BY_FORMAT) + 1))
    assert len(ADDED_SETS) == len(ADDED_BY_FORMAT)
    for newer, older in pairwise(ADDED_SETS):
        assert newer[: len(older)] == older
        assert len(newer) > len(older)


def test_earlier_programs_know_each_column_of_a_later_format() -> None:
    later = ADDED_COLUMNS[len(FIRST_ADDED) :]
    assert is_of_later_format(later)
    assert not recognised_fields(later, {})
    assert len(set(ADDED_COLUMNS)) == len(ADDED_COLUMNS)
    assert not set(ADDED_COLUMNS) & set(COLUMNS)
