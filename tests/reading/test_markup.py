import zipfile
from pathlib import Path

import pytest

from batch.reading import content
from batch.reading.cost import CostError
from batch.reading.markup import Listener, MarkupError, elements, listen

BOMB = (
    '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]><a>&y;</a>',
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    '<!DOCTYPE a SYSTEM "http://localhost/a.dtd"><a/>',
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.zip"


def archive_of(path: Path, text: str) -> zipfile.ZipFile:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.xml", text)
    return zipfile.ZipFile(path)


def test_elements_come_with_their_parents_and_attributes_by_namespace(path: Path) -> None:
    text = '<a xmlns="m" xmlns:r="rel"><b x="1" r:id="2"/><c><b/></c></a>'
    with archive_of(path, text) as archive:
        assert list(elements(archive, "a.xml", {"b"})) == [
            ("a", "b", {"x": "1", "rel id": "2"}),
            ("c", "b", {}),
        ]


@pytest.mark.parametrize("text", BOMB)
def test_a_document_type_is_refused_before_its_entities_count(path: Path, text: str) -> None:
    with archive_of(path, text) as archive, pytest.raises(MarkupError) as caught:
        list(elements(archive, "a.xml", {"a"}))
    assert str(caught.value) == "a.xml: declares a document type, as no workbook does"


def test_a_part_that_unpacks_to_far_more_than_it_takes_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "FREE_EXPANSION", 1000)
    text = f"<a>{' ' * 5_000_000}</a>"
    with archive_of(path, text) as archive, pytest.raises(MarkupError) as caught:
        list(elements(archive, "a.xml", {"a"}))
    assert str(caught.value) == "a.xml unpacks to more than 200 times its size"


def test_elements_that_lie_too_deep_are_refused(path: Path) -> None:
    for levels in (100, 101):
        with archive_of(path, "<a>" * levels + "</a>" * levels) as archive:
            if levels == 100:
                assert len(list(elements(archive, "a.xml", {"a"}))) == 100
                continue
            with pytest.raises(CostError) as caught:
                list(elements(archive, "a.xml", {"a"}))
    assert str(caught.value) == (
        "a.xml has elements more than 100 levels deep, as no spreadsheet program writes them. "
        "Open it in one and save it again."
    )


@pytest.mark.parametrize(("start", "end"), [("<!--", "-->"), ("<?a ", "?>"), ('<b c="', '"/>')])
def test_markup_that_is_too_long_is_refused_before_it_ends(
    path: Path, start: str, end: str
) -> None:
    with archive_of(path, f"<a>{start}{'x' * 900_000}{end}</a>") as archive:
        assert len(list(elements(archive, "a.xml", {"a"}))) == 1
    with (
        archive_of(path, f"<a>{start}{'x' * 2_000_000}") as archive,
        pytest.raises(CostError) as caught,
    ):
        list(elements(archive, "a.xml", {"a"}))
    assert str(caught.value) == (
        "a.xml has a tag or comment of more than 1,048,576 bytes, as no spreadsheet program writes "
        "them. Open it in one and save it again."
    )


def test_a_damaged_or_missing_part_is_named(path: Path) -> None:
    with archive_of(path, "<a><b></a>") as archive:
        with pytest.raises(MarkupError, match=r"^a\.xml: mismatched tag"):
            list(elements(archive, "a.xml", {"a"}))
        with pytest.raises(MarkupError, match=r"^b\.xml is missing$"):
            list(elements(archive, "b.xml", {"a"}))


def test_a_long_part_is_told_chunk_by_chunk(path: Path) -> None:
    told = 0

    def start(_name: str, _attributes: dict[str, str]) -> None:
        nonlocal told
        told += 1

    with archive_of(path, f"<a>{'<b/>' * 200_000}</a>") as archive:
        counts = [told for _ in listen(archive, "a.xml", Listener(start=start))]
    assert len(counts) > 3
    assert counts == sorted(counts)
    assert 0 < counts[0] < 200_001 == counts[-1]
