"""Read and write YAML of plain data. `common.documents` reads JSON; programs that read no YAML start faster without this."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import yaml

from common.documents import MAX_DEPTH, bounded_integer, decode_text, read_limited, reason_of
from common.errors import InputError

MAX_YAML_MEBIBYTES = 1
"""Largest YAML file that is read."""

MAX_YAML_WEIGHT = 4 << 20
"""Limit for YAML: the characters of all scalars, plus 32 for each value. Aliases count as much as the values they repeat."""


def read_yaml(path: Path) -> Any:
    """Read a YAML file of plain data: texts, numbers, truth values, lists and mappings.

    Numbers and truth values are those of YAML 1.2, so 3e-3 is a number, and 12:30 and 2020-01-31 are texts; yes, no, on and off
    are truth values, too. Tags that would build other objects are refused.

    Raises:
        InputError: the file is missing, unreadable, larger than `MAX_YAML_MEBIBYTES`, not such YAML, or has more than
            `MAX_YAML_WEIGHT` or `MAX_DEPTH`.
    """
    content = read_limited(path, MAX_YAML_MEBIBYTES << 20)
    try:
        text = decode_text(content)
        _check_yaml(text)
        return yaml.load(text, _Loader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        raise InputError(path, f"is not valid YAML ({_reason(error)})") from error


def dump_yaml(values: object) -> str:
    """Return the YAML of plain data, in its own order. `read_yaml` reads it as the same values; tuples become lists."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _reason(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return f"line {error.problem_mark.line + 1}: {error.problem}"
    return reason_of(error)


def _check_yaml(text: str) -> None:
    total = 0
    sizes: dict[str | None, int] = {}  # weight of what each anchor names
    opened: list[tuple[str | None, int]] = []  # anchor of each open collection, and the weight before it
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in sizes:
                raise ValueError(f"*{event.anchor} repeats something that is not complete")
            total += sizes[event.anchor]
        elif isinstance(event, yaml.ScalarEvent):
            weight = 32 + len(event.value)
            sizes[event.anchor], total = weight, total + weight
        elif isinstance(event, yaml.CollectionStartEvent):
            opened.append((event.anchor, total))
            total += 32
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            sizes[anchor] = total - before
        if len(opened) > MAX_DEPTH:
            raise RecursionError
        if total > MAX_YAML_WEIGHT:
            raise ValueError("it has too many entries")


_FLOAT = r"(?:[-+]?(?:\.[0-9]+|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$"


class _Dumper(yaml.SafeDumper):
    """Writes quotes around texts that `_Loader` would read as numbers."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Builds plain data from the tags below, and refuses all others."""

    yaml_constructors: ClassVar[dict[Any, Any]] = {}
    yaml_implicit_resolvers: ClassVar[dict[Any, Any]] = {}

    def whole_number(self, node: yaml.Node) -> int:
        """Build an integer."""
        return bounded_integer(str(self.construct_scalar(node)).replace("_", ""))

    def decimal(self, node: yaml.Node) -> float:
        """Build a float."""
        return float(str(self.construct_scalar(node)).lower().replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))

    def truth(self, node: yaml.Node) -> bool:
        """Build a truth value."""
        text = str(self.construct_scalar(node)).lower()
        if text not in ("yes", "true", "on", "no", "false", "off"):
            raise ValueError(f"{text[:40]!r} is not a truth value")
        return text in ("yes", "true", "on")

    def mapping(self, node: yaml.Node) -> dict[Any, Any]:
        """Build a dictionary."""
        names = [(key.tag, key.value) for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        if len(set(names)) != len(names):
            raise yaml.constructor.ConstructorError(None, None, "it repeats a name", node.start_mark)
        return self.construct_mapping(node, deep=True)

    def sequence(self, node: yaml.Node) -> list[Any]:
        """Build a list."""
        return self.construct_sequence(node, deep=True)

    def refuse(self, node: yaml.Node) -> NoReturn:
        """Fail at a tag that is not in the list."""
        raise yaml.constructor.ConstructorError(None, None, f"unknown tag {node.tag[:80]}", node.start_mark)


for _name, _build, _pattern, _first in (
    ("null", lambda loader, node: None, r"(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", _Loader.truth, r"(?:[yY]es|YES|[nN]o|NO|[tT]rue|TRUE|[fF]alse|FALSE|[oO]n|ON|[oO]ff|OFF)$", list("yYnNtTfFoO")),
    ("int", _Loader.whole_number, r"[-+]?[0-9][0-9_]*$", list("-+0123456789")),
    ("float", _Loader.decimal, _FLOAT, list("-+0123456789.")),
    ("merge", _Loader.construct_scalar, r"<<$", ["<"]),
    ("str", lambda loader, node: loader.construct_scalar(node), None, None),
    ("seq", _Loader.sequence, None, None),
    ("map", _Loader.mapping, None, None),
):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_name}", _build)
    if _pattern:
        _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(_pattern), _first)
_Loader.add_constructor(None, _Loader.refuse)
_Dumper.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(_FLOAT), list("-+0123456789."))
