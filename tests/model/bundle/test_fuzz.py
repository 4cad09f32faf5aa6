"""Random damage to a bundle raises an InputError or nothing, never another exception."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from common.errors import InputError
from model.bundle.info import bundle_info, read_bundle
from tests.model.bundle.bundle_files import put_together, take_apart, tiny_bundle

_FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module", params=["float32", "int8"])
def valid(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a valid file."""
    return tiny_bundle(tmp_path_factory.mktemp("valid"), request.param)


def _survives(path: Path) -> bool:
    """Return whether the file was accepted; any exception except InputError fails the test."""
    try:
        read_bundle(path).decode(0.5)
    except InputError as error:
        assert str(error).startswith(f"{path}: ")
        with pytest.raises(InputError):
            bundle_info(path)
        return False
    return True


@pytest.mark.slow
@_FUZZ
@given(damage=st.lists(st.tuples(st.integers(0, 1 << 20), st.integers(1, 255)), min_size=1, max_size=6), cut=st.booleans())
def test_changed_bytes_of_the_header(tmp_path: Path, valid: Path, damage: list[tuple[int, int]], cut: bool) -> None:
    content = valid.read_bytes()
    header = 8 + struct.unpack("<Q", content[:8])[0]
    damaged = bytearray(content)
    for position, change in damage:
        damaged[position % header] ^= change
    assume(damaged != content)
    path = tmp_path / "a.mlpvid"
    path.write_bytes(damaged[: len(damaged) // 2] if cut else damaged)
    _survives(path)
    with pytest.raises(InputError):
        bundle_info(path)


@_FUZZ
@given(place=st.integers(0, 1 << 20), length=st.integers(0, 40), insert=st.binary(max_size=40))
def test_spliced_headers(tmp_path: Path, valid: Path, place: int, length: int, insert: bytes) -> None:
    """The header's length is right, so that the damage reaches the JSON."""
    content = valid.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header, data = content[8 : 8 + size], content[8 + size :]
    place %= size
    header = header[:place] + insert + header[place + length :]
    header += b" " * (-len(header) % 8)
    path = tmp_path / "a.mlpvid"
    path.write_bytes(struct.pack("<Q", len(header)) + header + data)
    _survives(path)


def _paths(value: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [here, *(path for key, child in children for path in _paths(child, (*here, key)))]


@pytest.mark.slow
@_FUZZ
@given(data=st.data(), replacement=_JSON)
def test_any_field_replaced_by_any_json(tmp_path: Path, valid: Path, data: st.DataObject, replacement: Any) -> None:
    path = tmp_path / "a.mlpvid"
    pieces = take_apart(valid)
    root: Any = {"document": pieces.document, "entries": pieces.entries}
    place = data.draw(st.sampled_from([p for p in _paths(root) if len(p) > 1]))
    parent = root
    for key in place[:-1]:
        parent = parent[key]
    parent[place[-1]] = replacement
    put_together(pieces, path)
    _survives(path)


@_FUZZ
@given(bytes_=st.binary(max_size=200), length=st.integers(0, 200))
def test_random_bytes(tmp_path: Path, bytes_: bytes, length: int) -> None:
    path = tmp_path / "a.mlpvid"
    path.write_bytes(struct.pack("<Q", length) + b"{" + bytes_)
    assert not _survives(path)
