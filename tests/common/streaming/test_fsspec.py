"""What fsspec reads, with its storage in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from common.errors import InputError
from common.streaming.address import parse_address
from common.streaming.block_cache import BLOCK_BYTES, CacheSettings
from common.streaming.open import open_address
from tests.common.streaming.servers import content

ADDRESS = parse_address("memory://bucket/file.mlpvid")


@pytest.fixture
def storage() -> Iterator[Any]:
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/bucket", recursive=True)


def test_a_file_in_a_storage_is_read_by_ranges(storage: Any, tmp_path: Path) -> None:
    storage.pipe("/bucket/file.mlpvid", content())
    source = open_address(ADDRESS, CacheSettings(tmp_path))
    assert source.size == len(content()) and source.read(3 * BLOCK_BYTES, 1 << 40) == content()[3 * BLOCK_BYTES :]
    assert not source.is_loaded(BLOCK_BYTES, 1)
    assert source.read(0, len(content())) == content()
    source.close()


def test_a_file_that_changes_is_noticed(storage: Any, tmp_path: Path) -> None:
    storage.pipe("/bucket/file.mlpvid", content())
    source = open_address(ADDRESS, CacheSettings(tmp_path))
    assert source.read(0, 10) == content()[:10]
    storage.pipe("/bucket/file.mlpvid", content(seed=1))
    with pytest.raises(InputError, match=r"memory://bucket/file\.mlpvid: changed on the server"):
        source.read(BLOCK_BYTES, 10)
    source.close()


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("memory://bucket/none.mlpvid", "no such file; check the address"),
        ("memory://bucket", "is a folder"),
        ("nowhere://bucket/x", "cannot be opened (Protocol not known: nowhere); check the address"),
    ],
)
def test_files_that_cannot_be_opened_are_reported(storage: Any, url: str, fault: str, tmp_path: Path) -> None:
    storage.pipe("/bucket/file.mlpvid", content())
    with pytest.raises(InputError) as caught:
        open_address(parse_address(url), CacheSettings(tmp_path)).read(0, 1)
    assert str(caught.value).startswith(f"{url}: ") and fault in str(caught.value)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ImportError("Install s3fs to access S3") from ModuleNotFoundError("No module named 's3fs'", name="s3fs")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    with pytest.raises(InputError, match=r"s3://bucket/x: needs a Python package .* `pip install s3fs`"):
        open_address(parse_address("s3://bucket/x"), CacheSettings(tmp_path))
