"""JSON and YAML files: values are read unchanged, and errors name the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common import documents
from common.documents import read_json, read_yaml
from common.errors import InputError

Reader = Callable[[Path], Any]


def test_values_are_read_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text('{"ä": [1, 2.5, "5", true, null]}', encoding="utf-8")
    assert read_json(file) == read_yaml(file) == {"ä": [1, 2.5, "5", True, None]}
    file.write_text("", encoding="utf-8")
    assert read_yaml(file) is None


@pytest.mark.parametrize("read", [read_json, read_yaml])
def test_files_that_cannot_be_read(read: Reader, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none: no such file"):
        read(tmp_path / "none")
    with pytest.raises(InputError, match=f"{tmp_path}: cannot be read"):
        read(tmp_path)


@pytest.mark.parametrize(("read", "kind"), [(read_json, "JSON"), (read_yaml, "YAML")])
@pytest.mark.parametrize("content", [b"{", b"\xff\xfe\x00", b"\x00\x01", b"[" * 100_000, b"!!python/name:os.system {}"])
def test_content_that_is_something_else(read: Reader, kind: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InputError, match=rf"file: is not valid {kind}"):
        read(tmp_path / "file")


@pytest.mark.parametrize(("read", "limit"), [(read_json, "MAX_JSON_MEBIBYTES"), (read_yaml, "MAX_YAML_MEBIBYTES")])
def test_large_files(read: Reader, limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, limit, 1)
    (tmp_path / "file").write_text('"' + "a" * ((1 << 20) - 2) + '"')
    assert len(read(tmp_path / "file")) == (1 << 20) - 2
    with (tmp_path / "file").open("a") as file:
        file.write(" ")
    with pytest.raises(InputError, match=r"file: is larger than 1 MiB"):
        read(tmp_path / "file")
