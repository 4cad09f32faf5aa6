"""The commands that describe and verify bundles: --info and --verify. They start quickly, because they load no renderer."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from common.byte_source import Location
from common.errors import InputError
from model.bundle.info import bundle_info, find_damage
from model.sound.stored import sound_beside
from viewer import SCENE_SUFFIX


def info(options: argparse.Namespace) -> int:
    """Run --info: describe a bundle. One on this machine is verified, too; of one on a server, only the header is read."""
    with _location(options, "--info describes bundles") as location:
        values = bundle_info(location, verify=isinstance(options.bundle, Path))
    beside = sound_beside(options.bundle) if isinstance(options.bundle, Path) and "sound" not in values else None
    print_values(values | ({} if beside is None else {"sound_file": Path(beside.name).name}), options.json)
    return 0


def verify(options: argparse.Namespace) -> int:
    """Run --verify: compare a bundle with its checksums, and name every damaged part on a line with its frames.

    Raises:
        InputError: a part is damaged, or the file cannot be opened.
    """
    with _location(options, "--verify checks bundles") as location:
        damaged, parts = find_damage(location)
    if options.json:
        print(
            json.dumps([{"part": d.part, "frames": [d.frames[0], d.frames[-1]], "fault": d.fault} for d in damaged], indent=2)
        )
    else:
        whole = "its checksum holds" if parts == 1 else f"all {parts} checksums hold"
        print("\n".join(map(str, damaged)) or f"{options.bundle}: {whole}")
    if damaged:
        raise InputError(options.bundle, f"{len(damaged)} of {parts} parts are damaged", "download or export it again")
    return 0


@contextlib.contextmanager
def _location(options: argparse.Namespace, purpose: str) -> Iterator[Location]:
    """Open a bundle that is on a server, for commands that need only parts of it; refuse a scene, and name the purpose."""
    if isinstance(options.bundle, Path):
        if options.bundle.suffix == SCENE_SUFFIX:
            raise InputError(options.bundle, f"is a scene, and {purpose}", "name one of its bundles")
        yield options.bundle
        return
    from common.streaming.open import open_address  # noqa: PLC0415 - files on this machine need no network
    from viewer.app.places import users_cache  # noqa: PLC0415 - for the same reason

    with contextlib.closing(open_address(options.bundle, users_cache(options.config))) as source:
        location: Location = source
        yield location


def print_values(values: dict[str, Any], as_json: bool) -> None:
    """Print the figures of a command, as JSON or one per line."""
    print(json.dumps(values, indent=2, allow_nan=False) if as_json else "\n".join(_lines(values)))


def _lines(values: dict[str, Any], indent: str = "") -> list[str]:
    lines = []
    for name, value in values.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}:", *_lines(value, indent + "  ")]
        elif isinstance(value, list) and value and all(isinstance(entry, dict) for entry in value):
            lines += [f"{indent}{name}:", *(f"{indent}  {', '.join(_lines(entry))}" for entry in value)]
        else:
            text = ", ".join(map(str, np.ravel(value))) if isinstance(value, list | tuple) else str(value)
            lines.append(f"{indent}{name}: {text}")
    return lines
