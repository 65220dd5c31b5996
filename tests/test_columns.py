import pytest

from batch.columns import ADDED_COLUMNS, result_header


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
