"""The restricted unpickler: it reads what datasets contain, and rejects everything else without running it."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from training.captures.annotations import parse_annotations, read_annotations


@pytest.fixture(scope="module", autouse=True)
def one_child_reads_annotations() -> None:
    """Read each file in a child process of its own, as the program does."""


def write(path: Path, pickled: bytes) -> Path:
    """Return a `.npy` file of one object whose pickle is given."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|O", "fortran_order": False, "shape": ()})
    path.write_bytes(stream.getvalue() + pickled)
    return path


def refused(path: Path, fault: str) -> None:
    with pytest.raises(InputError, match=fault) as caught:
        read_annotations(path)
    assert str(path) in str(caught.value)


def refused_here(path: Path, fault: str) -> None:
    """Parse the file in this process, which is much faster."""
    with pytest.raises(InputError, match=fault):
        parse_annotations(path.read_bytes())


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_in_plain_containers_are_read(tmp_path: Path, protocol: int) -> None:
    rng = np.random.default_rng()
    content: dict[str, Any] = {
        "cams": {"K": [rng.normal(size=(3, 3)) for _ in range(3)], "T": rng.normal(size=(3, 1)).astype(np.float32)},
        "ims": [{"ims": ["a/b.jpg", "ä.jpg"], "numbers": (1, 2.5, True, None, 10**12)}],
        "fortran": np.asfortranarray(rng.normal(size=(2, 4))),
        "big": rng.integers(0, 9, 4).astype(">i4"),
        "scalar": np.float64(0.1),
        "names": np.array(["x", "long name"]),
        "objects": np.array([[1, "two"], [None, 4.0]], dtype=object),
    }
    if protocol == 5:  # protocol 5 makes arrays in another way, which no dataset uses: numpy itself writes 3
        del content["cams"], content["fortran"], content["big"], content["names"]
    file = write(tmp_path / "a.npy", pickle.dumps(content, protocol=protocol))
    read = read_annotations(file) if protocol == 3 else parse_annotations(file.read_bytes())
    assert read["ims"] == content["ims"]
    assert read["scalar"] == 0.1 and read["objects"].tolist() == content["objects"].tolist()
    if protocol < 5:
        np.testing.assert_array_equal(read["cams"]["K"], content["cams"]["K"])
        assert read["cams"]["T"].dtype == np.float32 and read["names"].tolist() == ["x", "long name"]
        np.testing.assert_array_equal(read["fortran"], content["fortran"])
        np.testing.assert_array_equal(read["big"], content["big"])


def test_what_numpy_saves_is_read(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array({"K": [np.eye(3)]}, dtype=object), allow_pickle=True)
    assert read_annotations(tmp_path / "a.npy")["K"][0].tolist() == np.eye(3).tolist()


class Reduced:
    """An object whose pickle calls any given function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_calls_are_refused_and_not_made(tmp_path: Path, protocol: int) -> None:
    evidence = tmp_path / "evidence"
    attacks = {
        "system": Reduced(os.system, f"touch {evidence}"),
        "eval": Reduced(eval, f"open({str(evidence)!r}, 'w')"),
        "getattr": Reduced(getattr, {}, "keys"),
        "OrderedDict": OrderedDict(a=1),
        "set": {1, 2} if protocol < 4 else frozenset([1]),
    }
    for name, attack in attacks.items():
        path = write(tmp_path / f"{name}.npy", pickle.dumps({"cams": [attack]}, protocol=protocol))
        refused_here(path, "refused")
        assert not evidence.exists(), name


OPCODE_ATTACKS = {
    "dotted names reach through numpy": (b"cnumpy\nload.__globals__\n.", "asks for numpy.load"),
    "stack global": (b"\x80\x04\x8c\x08builtins\x8c\x04exec\x93.", "asks for builtins.exec"),
    "instance by INST": (b"(S'ls'\nios\nsystem\n.", "uses INST"),
    "instance by OBJ": (b"(cnumpy\ndtype\no.", "uses OBJ"),
    "instance by NEWOBJ": (b"\x80\x02cnumpy\ndtype\n)\x81.", "uses NEWOBJ"),
    "extension registry": (b"\x80\x02\x82\x01.", "uses EXT1"),
    "persistent id": (b"Pname\n.", "uses PERSID"),
    "bytearray of a terabyte": (b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b".", "truncated|BYTEARRAY8"),
    "memo slot two billion": (b"\x80\x02]r\xff\xff\xff\x7f.", "memo slot"),
    "array of a terabyte": (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
        b"(K\x01\x8a\x05\x00\x00\x00\x00\x01\x85cnumpy\ndtype\nX\x02\x00\x00\x00f8\x85R\x89C\x00tb.",
        "impossible shape|does not fit",
    ),
    "array larger than its data": (
        b"\x80\x03cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
        b"(K\x01K\x09\x85cnumpy\ndtype\nX\x02\x00\x00\x00f8\x85R\x89C\x08\x00\x00\x00\x00\x00\x00\x00\x00tb.",
        "does not fit",
    ),
    "void dtype": (b"\x80\x03cnumpy\ndtype\nX\x03\x00\x00\x00V99\x85R.", "dtype V99"),
    "dtype with fields": (b"\x80\x03cnumpy\ndtype\nX\x05\x00\x00\x00i4,i4\x85R.", "dtype"),
    "setting attributes of a constructor": (
        b"\x80\x02cnumpy\ndtype\nN}X\x01\x00\x00\x00aK\x01s\x86b.",
        "changes a constructor",
    ),
    "an array built without _reconstruct": (b"\x80\x02cnumpy\nndarray\nK\x09\x85R.", "builds an array"),
    "a key that doubles 45 times": (b"\x80\x02})q\x00" + b"0h\x00h\x00\x86q\x00" * 45 + b"Ns.", "key of type tuple"),
    "a key nested 400,000 deep": (b"\x80\x02})" + b"\x85" * 400_000 + b"Ns.", "key of type tuple"),
    "keys nested in a group": (b"\x80\x02}()" + b"\x85" * 400_000 + b"Nu.", "key of type tuple"),
    "keys nested in a dict of protocol 0": (b"()" + b"\x85" * 400_000 + b"Nd.", "key of type tuple"),
    "two million dictionaries": (b"\x80\x02(" + b"}" * 2_000_000 + b"l.", "more than 1,000,000 instructions"),
    "the same bytes for 1000 arrays": (
        b"\x80\x03(cnumpy.core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\nK\x00\x85C\x01b\x87q\x01R"
        b"(K\x01J\x00\x00\x10\x00\x85cnumpy\ndtype\nX\x02\x00\x00\x00u1\x85R\x89B\x00\x00\x10\x00"
        + bytes(1 << 20)
        + b"tq\x02b"
        + b"h\x00h\x01Rh\x02b" * 1000
        + b"l.",
        "take more than 128 MiB",
    ),
    "a constructor as content": (b"\x80\x02]cnumpy\ndtype\na.", "contains a constructor"),
}


@pytest.mark.slow
@pytest.mark.parametrize("attack", OPCODE_ATTACKS)
def test_crafted_opcodes_are_refused(tmp_path: Path, attack: str) -> None:
    body, fault = OPCODE_ATTACKS[attack]
    refused_here(write(tmp_path / "a.npy", body), fault)


def test_shared_references_do_not_multiply(tmp_path: Path) -> None:
    value: list[Any] = ["leaf"]
    for _ in range(60):  # 2^60 leaves when expanded
        value = [value, value]
    read = read_annotations(write(tmp_path / "a.npy", pickle.dumps(value)))
    assert read[0] is read[1]


def test_deep_nesting_does_not_crash(tmp_path: Path) -> None:
    depth = 200_000
    refused(write(tmp_path / "a.npy", b"\x80\x02" + b"]" * depth + b"a" * (depth - 1) + b"."), "damaged")


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    good = write(tmp_path / "good.npy", pickle.dumps({"cams": {"K": [np.eye(3)] * 4}})).read_bytes()
    rng = np.random.default_rng()
    for length in rng.integers(0, len(good), 40):
        with pytest.raises(InputError):
            parse_annotations(good[:length])
    for _ in range(200):  # flipped bytes may still be a valid pickle of plain data, but must not become anything else
        damaged = bytearray(good)
        damaged[rng.integers(80, len(good))] ^= int(rng.integers(1, 256))
        with contextlib.suppress(InputError):
            parse_annotations(bytes(damaged))
    (tmp_path / "cut.npy").write_bytes(good[: len(good) // 2])
    refused(tmp_path / "cut.npy", "damaged")


def test_other_files_are_refused(tmp_path: Path) -> None:
    refused(tmp_path / "missing.npy", "no such file")
    np.save(tmp_path / "numbers.npy", np.zeros(3))
    refused(tmp_path / "numbers.npy", "does not contain a pickled dictionary")
    (tmp_path / "text.npy").write_text("hello")
    refused(tmp_path / "text.npy", "not a .npy file")
    with (tmp_path / "large.npy").open("wb") as file:
        file.truncate(65 << 20)
    refused(tmp_path / "large.npy", "larger than")
