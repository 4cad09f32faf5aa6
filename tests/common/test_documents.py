"""JSON and YAML files: values are read unchanged, and errors name the file."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from common import documents, yaml_documents
from common.documents import MAX_DEPTH, is_number, is_whole, parse_json, read_json
from common.errors import InputError
from common.yaml_documents import dump_yaml, read_yaml

Reader = Callable[[Path], Any]


def test_values_are_read_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text('{"ä": [1, 2.5, "5", true, null]}', encoding="utf-8")
    assert read_json(file) == read_yaml(file) == {"ä": [1, 2.5, "5", True, None]}
    file.write_text("", encoding="utf-8")
    assert read_yaml(file) is None


def test_numbers_are_told_from_other_values() -> None:
    values = [1, 2.0, 10**400, -3, True, "1", None, float("nan"), float("inf")]
    assert [value for value in values if is_number(value)] == [1, 2.0, -3]
    assert [value for value in values[:5] if is_number(value, -3, 1)] == [1, -3]
    assert [value for value in values if is_whole(value)] == [1, 10**400, -3]
    assert [value for value in values[:5] if is_whole(value, 0, 1)] == [1]


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
    monkeypatch.setattr(yaml_documents if read is read_yaml else documents, limit, 1)
    (tmp_path / "file").write_text('"' + "a" * ((1 << 20) - 2) + '"')
    assert len(read(tmp_path / "file")) == (1 << 20) - 2
    with (tmp_path / "file").open("a") as file:
        file.write(" ")
    with pytest.raises(InputError, match=r"file: is larger than 1 MiB"):
        read(tmp_path / "file")


NESTED = "[" * 100 + "]" * 100
BOMB = "a0: &a0 [1, 2, 3, 4]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 8)}]\n" for i in range(1, 30))

REFUSED = {
    "number of 400 digits": ("yaml", "a: " + "9" * 400, "400 digits"),
    "timestamp": ("yaml", "a: !!timestamp x", "line 1: unknown tag"),
    "truth value": ("yaml", "a: !!bool x", "'x' is not a truth value"),
    "empty number": ("yaml", "a: !!int ''", "invalid literal"),
    "base 60": ("yaml", "a: !!int 1:30", "invalid literal"),
    "set": ("yaml", "\n\na: !!set {b}", "line 3: unknown tag"),
    "alias inside itself": ("yaml", "a: &a [*a]", r"\*a repeats"),
    "aliases that double": ("yaml", BOMB, "too many entries"),
    "many entries in YAML": ("yaml", "[" + "1," * 200_000 + "]", "too many entries"),
    "nested YAML": ("yaml", NESTED, "nested too deeply"),
    "repeated name in YAML": ("yaml", "a: 1\nb: {c: 1, d: 2, c: 3}", "line 2: it repeats a name"),
    "two documents": ("yaml", "a: 1\n---\nb: 2", "another document"),
    "number of 400 digits in JSON": ("json", "9" * 400, "400 digits"),
    "repeated name": ("json", '{"a": 1, "a": 2}', "repeats a name"),
    "lone surrogate": ("json", r'"\ud800"', "surrogate"),
    "nested JSON": ("json", NESTED, "nested too deeply"),
    "deeply nested JSON": ("json", "[" * 100_000, "nested too deeply"),
    "many entries in JSON": ("json", "[" + "[]," * 1_000_000 + "1]", "2,000,000 entries"),
    "bytes of an image": ("json", b"\x89PNG\r\n\x1a\n", "not text in UTF-8"),
}


def test_json_of_the_greatest_depth_is_read_and_of_one_more_refused() -> None:
    """The depth is examined only in texts that have enough brackets for it."""
    for opening, closing in (("[", "]"), ('{"a": ', "}")):
        for depth, beside in ((MAX_DEPTH, ""), (MAX_DEPTH, ", []" * MAX_DEPTH), (2, ", []" * MAX_DEPTH)):
            parse_json(f"[{opening * (depth - 1)}1{closing * (depth - 1)}{beside}]", "a text")
        with pytest.raises(InputError, match="nested too deeply"):
            parse_json(f"[{opening * MAX_DEPTH}1{closing * MAX_DEPTH}]", "a text")


@pytest.mark.parametrize(("kind", "content", "reason"), REFUSED.values(), ids=list(REFUSED))
def test_refusals_give_the_reason(kind: str, content: str | bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=rf"file: is not valid {kind.upper()} \(.*{reason}"):
        (read_yaml if kind == "yaml" else read_json)(tmp_path / "file")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3e-3", 0.003),
        ("-1.5E+2", -150.0),
        (".5", 0.5),
        ("1_000", 1000),
        ("1:30", "1:30"),
        ("2020-01-31", "2020-01-31"),
        ("On", True),
        ("no", False),
        ("-.inf", float("-inf")),
        ("~", None),
        ("'3e-3'", "3e-3"),
    ],
)
def test_yaml_values_are_read_by_their_plain_meaning(text: str, value: object, tmp_path: Path) -> None:
    (tmp_path / "file").write_text(f"a: &x {text}\nb: *x\n")
    assert read_yaml(tmp_path / "file") == {"a": value, "b": value}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le"])
def test_encodings_of_other_systems(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes('{"ä": [1, 2]}\r\n'.encode(encoding))
    assert read_json(tmp_path / "file") == read_yaml(tmp_path / "file") == {"ä": [1, 2]}


def test_merged_mappings(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("base: &base {x: 1, y: 2}\nmine: {<<: *base, y: 3}\n")
    assert read_yaml(tmp_path / "file")["mine"] == {"x": 1, "y": 3}


def test_written_values_are_read_unchanged(tmp_path: Path) -> None:
    values = {"texts": ["3e-3", "1.", "1:30", "2020-01-31", "yes", "~", "0x1F", "ä\n", ""], "numbers": [1e-7, 1e22, 5, -0.5]}
    (tmp_path / "file").write_text(dump_yaml({**values, "pair": (1, 2)}), encoding="utf-8")
    assert read_yaml(tmp_path / "file") == {**values, "pair": [1, 2]}


def test_pipes_and_devices_are_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(InputError, match="is not a regular file"):
            read_json(path)


@pytest.mark.parametrize("read", [read_json, read_yaml])
def test_random_content_never_raises_anything_else(read: Reader, tmp_path: Path) -> None:
    rng = random.Random(19)
    parts: tuple[str, ...] = (
        "a",
        ": ",
        "\n",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "&a ",
        "*a",
        "!!int ",
        "!!bool ",
        "!!map ",
        "<<",
        "? ",
        '"',
        "'",
    )
    parts += ("9" * 30, "1e", "\\u", "ud800", "\x00", "\ufeff", "%", "|", ">", "null", "!!float ", "!!null ", ".", "-", "#")
    for _ in range(400):
        (tmp_path / "file").write_text("".join(rng.choices(parts, k=rng.randint(1, 20))))
        try:
            read(tmp_path / "file")
        except InputError as error:
            assert len(str(error)) < 300 + len(str(tmp_path))


def test_numbers_that_are_not_json(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("[NaN, Infinity, -Infinity]")
    assert str(read_json(tmp_path / "file")) == "[nan, inf, -inf]"
    with pytest.raises(InputError, match=r"a header: is not valid JSON \(NaN is not JSON\)"):
        parse_json("[NaN]", "a header")
