"""Reading a file from any position."""

from __future__ import annotations

from pathlib import Path

import pytest

from common.byte_source import ByteSource, LocalFile, opened
from common.errors import InputError


def test_any_range_of_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(range(10)))
    with opened(tmp_path / "x") as source:
        assert source.size == 10 and source.name == str(tmp_path / "x")
        assert source.read(2, 3) == bytes([2, 3, 4])
        assert source.read(8, 1 << 62) == bytes([8, 9]) and source.read(10, 1) == source.read(11, 1) == b""
        buffer = bytearray(4)
        assert source.read_into(7, memoryview(buffer)) == 3 and buffer == bytes([7, 8, 9, 0])
    with pytest.raises(InputError, match="x: is closed"):
        source.read(0, 1)


def test_an_open_source_stays_open(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    source = LocalFile(tmp_path / "x")
    with opened(source) as same:
        assert same is source and isinstance(source, ByteSource)
    assert source.read(0, 3) == b"abc"
    source.close()


@pytest.mark.parametrize(
    ("name", "fault"), [("gone", "no such file"), (".", "is a folder"), ("a\0b", "contains a null character")]
)
def test_what_is_not_a_file_is_refused(name: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=fault):
        LocalFile(tmp_path / name)
