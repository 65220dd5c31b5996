import errno
import gzip
import os
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import polars as pl
import pytest
import zstandard
from starlette.requests import ClientDisconnect

from batch.errors import InputError
from batch.web.uploads import UploadLimits, Uploads, shown_name
from tests.support.web_site import BASE, site
from tests.support.wired import pausing, write_leads

pytestmark = pytest.mark.anyio
MB = 1 << 20
SMALL = UploadLimits(size_bytes=MB, unpacked_bytes=3 * MB, rows=20)


def files_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("leads.csv", "leads.csv"),
        ("Spring leads (2).XLSX", "Spring leads (2).XLSX"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\windows\\leads.csv", "leads.csv"),
        ("/", "file"),
        ("..", "file"),
        ("", "file"),
        (".csv", "file.csv"),
        ("a\nb\x1b[2J.csv", "a b_[2J.csv"),
        ("<script>alert(1)</script>.csv", "script_.csv"),
        ("<b>x.csv", "_b_x.csv"),
        ("C:leads.csv", "C_leads.csv"),
        ("Größe 测试.csv.gz", "Größe 测试.csv.gz"),
        ("x" * 300 + ".csv", "x" * 120 + ".csv"),
    ],
)
def test_a_name_is_shown_and_never_a_path(given: str, shown: str) -> None:
    assert shown_name(given) == shown


async def test_an_upload_lies_under_a_name_of_our_own(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path, SMALL)
    upload = await uploads.receive(chunks(b"a,b\n", b"1,2\n"), name="../../evil.csv")
    assert upload.name == "evil.csv"
    assert upload.path.name == "input.csv"
    assert upload.path.parent.parent == tmp_path
    assert upload.path.read_bytes() == b"a,b\n1,2\n"
    uploads.remove(upload)
    assert files_in(tmp_path) == []


async def test_a_file_that_is_too_large_is_refused_as_it_comes(tmp_path: Path) -> None:
    came = 0

    async def large() -> AsyncIterator[bytes]:
        nonlocal came
        for _ in range(20):
            came += 1
            yield b"x" * (MB // 4)

    with pytest.raises(InputError) as error:
        await Uploads(tmp_path, SMALL).receive(large(), name="leads.csv")
    assert str(error.value) == (
        "leads.csv: is larger than 1 MB. Split it, or use the command line, which takes files of "
        "any size."
    )
    assert came == 5
    assert files_in(tmp_path) == []  # nothing of it stays


@pytest.mark.parametrize("packing", ["gz", "zst", "xlsx"])
def test_a_file_that_expands_to_too_much_is_refused(tmp_path: Path, packing: str) -> None:
    content = b"\0" * (4 * MB)
    path = tmp_path / f"bomb.{packing}"
    match packing:
        case "gz":
            path.write_bytes(gzip.compress(content))
        case "zst":
            path.write_bytes(zstandard.ZstdCompressor().compress(content))
        case _:
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("xl/worksheets/sheet1.xml", content)
    with site(tmp_path, limits=SMALL) as page:
        assert page.drop(path) == (
            f"bomb.{packing}: holds more than 3 MB once it is unpacked. Unpack it yourself if you "
            "trust it, and use the command line."
        )
        assert list(page.desk.place.folder.iterdir()) == []


@pytest.mark.parametrize("packed", [False, True])
def test_parquet_is_for_the_command_line(tmp_path: Path, *, packed: bool) -> None:
    path = tmp_path / "leads.parquet"
    pl.DataFrame({"campaignId": ["c"]}).write_parquet(path)
    content = gzip.compress(path.read_bytes()) if packed else path.read_bytes()
    name = f"leads.parquet{'.gz' if packed else ''}"
    path.write_bytes(content)
    with site(tmp_path) as page:
        told = f"{name}: is a Parquet file. Only the command line takes those."
        assert page.drop(path, name=name) == told
        assert list(page.desk.place.folder.iterdir()) == []


def test_the_page_says_what_is_wrong_with_a_file_that_it_does_not_take(tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    (tmp_path / "large.csv").write_bytes(b"x" * (MB + 1))
    with site(tmp_path, limits=SMALL) as page:
        assert page.drop(tmp_path / "empty.csv") == "empty.csv: is empty (0 bytes)."
        assert page.drop(tmp_path / "large.csv") == "The file is larger than 1 MB."
        assert page.desk.file is None
        assert page.browser.get("/check", follow=False).headers["location"] == f"{BASE}/"


def test_a_file_with_too_many_rows_is_refused_on_the_page(tmp_path: Path) -> None:
    path = write_leads(tmp_path / "leads.csv", pausing(21))
    with site(tmp_path, limits=SMALL) as page:
        assert page.drop(path) == "/check"
        assert (
            "leads.csv: has more than 20 rows. Split it, or use the command line, which takes any "
            "number."
        ) in page.get("/check")
        assert "See what would change" not in page.get("/check")
        assert page.drop(write_leads(path, pausing(20))) == "/check"
        assert "See what would change" in page.get("/check")


def test_a_form_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with site(tmp_path) as page:
        answer = page.browser.ask("POST", "/settings", content=b"rate=" + b"1" * 70_000)
        assert answer.status_code == 400
        assert "That is more than a form of this page sends." in answer.text


async def broken_off() -> AsyncIterator[bytes]:
    yield b"a,b\n"
    raise ClientDisconnect


async def test_what_is_broken_off_leaves_nothing(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path, SMALL)
    with pytest.raises(ClientDisconnect):
        await uploads.receive(broken_off(), name="leads.csv")
    assert files_in(tmp_path) == []


async def test_a_full_disk_is_told_and_nothing_stays(tmp_path: Path) -> None:
    async def full() -> AsyncIterator[bytes]:
        yield b"a,b\n"
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(InputError) as error:
        await Uploads(tmp_path, SMALL).receive(full(), name="leads.csv")
    assert str(error.value) == "leads.csv: can't be kept: No space left on device."
    assert files_in(tmp_path) == []


async def test_all_uploads_together_have_a_limit_and_what_goes_makes_room(tmp_path: Path) -> None:
    uploads = Uploads(tmp_path, UploadLimits(size_bytes=MB, total_bytes=2 * MB))
    first = await uploads.receive(chunks(b"x" * MB), name="1.csv")
    await uploads.receive(chunks(b"x" * MB), name="2.csv")
    with pytest.raises(InputError) as error:
        await uploads.receive(chunks(b"x"), name="3.csv")
    assert str(error.value) == (
        "3.csv: all files on the page together may have 2 MB. Wait until the others are read, or "
        "the run has its copy, and drop it again."
    )
    assert len(files_in(tmp_path)) == 2
    uploads.remove(first)
    await uploads.receive(chunks(b"x" * MB), name="3.csv")
    assert len(files_in(tmp_path)) == 2


def test_a_browser_that_breaks_off_is_no_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with site(tmp_path) as page:
        for method, path in (("PUT", "/files?name=leads.csv"), ("POST", "/settings")):
            page.browser.ask(method, path, content=broken_off())
        assert files_in(page.desk.place.folder) == []
    assert capsys.readouterr().err == ""


def test_a_form_of_too_many_fields_is_refused(tmp_path: Path) -> None:
    with site(tmp_path) as page:
        for content in (b"&".join([b"a=1"] * 101), b"a" + b"&" * 60_000):
            answer = page.browser.ask("POST", "/settings", content=content)
            assert answer.status_code == 400
            assert "That is more than a form of this page sends." in answer.text
