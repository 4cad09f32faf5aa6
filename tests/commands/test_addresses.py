"""Commands on bundles that are on a server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.file_server import FileServer
from common.streaming.block_cache import BLOCK_BYTES
from model.bundle.info import write_bundle
from tests.common.streaming.servers import serve
from tests.factories import make_video
from viewer.cli import main


@pytest.fixture
def config(tmp_path: Path) -> list[str]:
    """Options that put the cache into the test's folder."""
    file = tmp_path / "settings.yaml"
    file.write_text(f"streaming:\n  folder: {tmp_path}\n")
    return ["--config", str(file)]


def served_demo() -> FileServer:
    return serve(data=Path("assets/demo.mlpvid").read_bytes())


def test_info_reads_only_the_beginning(config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assets/demo.mlpvid", "--info", "--json"]) == 0
    local = json.loads(capsys.readouterr().out)
    with served_demo() as server:
        assert main([server.url, "--info", "--json", *config]) == 0
        fetched = sum(_length(asked) for asked in server.requests)
    assert json.loads(capsys.readouterr().out) == {**local, "integrity": "not checked"}
    assert fetched <= 4 * BLOCK_BYTES < local["file_size"] / 2


def _length(asked: str) -> int:
    first, last = map(int, asked.removeprefix("bytes=").split("-"))
    return last + 1 - first


def test_an_image_of_a_bundle_on_a_server(config: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_bundle(make_video(num_frames=3), tmp_path / "x.mlpvid")
    with serve(data=(tmp_path / "x.mlpvid").read_bytes()) as server:
        for place, image in ((server.url, "web.png"), (str(tmp_path / "x.mlpvid"), "file.png")):
            assert main([place, "--render", str(tmp_path / image), "--size", "16x16", "--backend", "reference", *config]) == 0
    assert (tmp_path / "web.png").read_bytes() == (tmp_path / "file.png").read_bytes()


@pytest.mark.parametrize(
    ("place", "fault"),
    [
        ("http://[::1/x.mlpvid", "is not a web address"),
        ("nowhere://x/y.mlpvid", "Protocol not known"),
        ("{url}.txt", "is not a .mlpvid file"),
    ],
)
def test_bad_addresses_end_in_one_line(place: str, fault: str, config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with serve(data=b"not a bundle") as server:
        status: object
        try:
            status = main([place.format(url=server.url), "--info", *config])
        except SystemExit as ended:
            status = ended.code
    error = capsys.readouterr().err
    assert status == 2 and error.startswith("error: ") and fault in error and error.count("\n") == 1


def test_a_bundle_on_a_server_is_verified(config: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_bundle(make_video(num_frames=3), tmp_path / "x.mlpvid")
    data = bytearray((tmp_path / "x.mlpvid").read_bytes())
    with serve(data=bytes(data)) as server:
        assert main([server.url, "--verify", *config]) == 0
        data[-5] ^= 1
        server.content, server.etag = bytes(data), '"2"'
        assert main([server.url, "--verify", *config]) == 2
    assert "are damaged" in capsys.readouterr().err
