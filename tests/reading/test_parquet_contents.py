from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.reading.parquet_contents import FooterError, read_contents

MARK = b"PAR1"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "leads.parquet"


def counted(number: int, length: int) -> bytes:
    """A number as the footer has it, in so many bytes."""
    zigzag = number << 1
    groups = [zigzag >> 7 * place & 127 for place in range(length)]
    return bytes(group | 128 * (place < length - 1) for place, group in enumerate(groups))


def test_rows_of_all_groups_are_counted(path: Path) -> None:
    pl.DataFrame({"a": range(1000), "b": [None] * 1000}).write_parquet(path, row_group_size=300)
    assert read_contents(path).rows == 1000


@pytest.mark.parametrize("compression", ["uncompressed", "zstd", "snappy"])
def test_pages_count_as_they_are_unpacked(path: Path, compression: str) -> None:
    pl.DataFrame({"a": ["x" * 500_000, "y" * 500_000]}).write_parquet(
        path,
        compression=compression,  # type: ignore[arg-type]  # one of its literals
    )
    assert 1_000_000 < read_contents(path).unpacked_bytes < 1_010_000


@pytest.mark.parametrize(
    ("dtype", "size"), [(pl.Int64, 8), (pl.Int32, 4), (pl.Float64, 8), (pl.String, 4)]
)
def test_values_count_though_a_page_says_them_once(
    path: Path, dtype: type[pl.DataType], size: int
) -> None:
    pl.DataFrame({"a": [1] * 100_000}, schema_overrides={"a": pl.Int64}).cast(dtype).write_parquet(
        path
    )
    assert 100_000 * size <= read_contents(path).unpacked_bytes < 100_000 * size + 1000


def test_a_footer_that_says_less_than_its_pages_is_not_believed(path: Path) -> None:
    pl.DataFrame({"a": ["x" * 3_000_000]}).write_parquet(path)
    honest = read_contents(path).unpacked_bytes
    text = path.read_bytes()
    footer = len(text) - 8 - int.from_bytes(text[-8:-4], "little")
    sizes = [n for n in range(3_000_000, 3_001_000) if counted(n, 4) in text[footer:]]
    assert sizes
    for size in sizes:
        text = text[:footer] + text[footer:].replace(counted(size, 4), counted(9, 4))
    path.write_bytes(text)
    assert read_contents(path).unpacked_bytes >= honest - 1000


def test_a_footer_of_more_than_8_mb_is_refused_unread(path: Path) -> None:
    length = (8 << 20) + 1
    path.write_bytes(MARK + bytes(length) + length.to_bytes(4, "little") + MARK)
    with pytest.raises(FooterError, match=f"a footer of {length} bytes"):
        read_contents(path)


@given(st.binary(max_size=200))
def test_any_other_footer_is_an_error_in_bounded_time(
    tmp_path_factory: pytest.TempPathFactory, text: bytes
) -> None:
    path = tmp_path_factory.mktemp("footer") / "leads.parquet"
    path.write_bytes(MARK + text + len(text).to_bytes(4, "little") + MARK)
    with pytest.raises(FooterError):
        read_contents(path)


@pytest.mark.parametrize(
    "footer",
    [
        b"\x19" * 100,  # lists within lists
        b"\x1c" * 100,  # structs within structs
        b"\x19\xfc\xff\xff\xff\xff\x0f",  # a list of four thousand million structs
        b"\x15" + b"\xff" * 20,  # a number without an end
        b"\x18\xff\xff\xff\x7f",  # a text that ends behind the file
    ],
)
def test_a_footer_can_not_cost_more_than_its_length(path: Path, footer: bytes) -> None:
    path.write_bytes(MARK + footer + len(footer).to_bytes(4, "little") + MARK)
    with pytest.raises(FooterError):
        read_contents(path)


@pytest.mark.parametrize("text", [b"", b"PAR1", b"PAR1PAR1", b"PAR1" + bytes(8)])
def test_what_has_no_footer_is_an_error(path: Path, text: bytes) -> None:
    path.write_bytes(text)
    with pytest.raises(FooterError):
        read_contents(path)
