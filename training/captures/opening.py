"""Open a capture of any known layout."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from common.errors import InputError
from training.captures.capture import Capture
from training.captures.files import CaptureFolder, is_video
from training.captures.layout import Layout
from training.captures.layouts import (
    actorshq,
    annots,
    colmap,
    dna_rendering,
    easymocap,
    n3v,
    neural_volumes,
    nhr,
    panoptic,
    pose2sim,
    qualisys,
    technicolor,
    transforms,
)
from training.captures.mask_folders import MASK_FOLDERS
from training.captures.meta import read_meta
from training.captures.sources import checked_path

LAYOUTS: tuple[Layout[Any], ...] = (
    annots.LAYOUT,
    easymocap.LAYOUT,
    nhr.LAYOUT,
    colmap.LAYOUT,
    transforms.LAYOUT,
    n3v.LAYOUT,
    neural_volumes.LAYOUT,
    actorshq.LAYOUT,
    panoptic.LAYOUT,
    dna_rendering.LAYOUT,
    technicolor.LAYOUT,
    pose2sim.LAYOUT,
    qualisys.LAYOUT,
)
"""All layouts. A folder that several of them recognize is ambiguous."""

LAYOUT_NAMES = tuple(layout.name for layout in LAYOUTS)
"""Values of `--layout`."""


def check_other_folder(out: Path, capture: Path) -> None:
    """Refuse to write a run into the capture itself, whose files would be mixed with it.

    Raises:
        InputError: both are the same folder.
    """
    if out.exists() and capture.exists() and out.samefile(capture):
        raise InputError(out, "is the folder of the capture", "choose another folder for the run, for instance one inside it")


def open_capture(
    folder: str | Path, layout: str | None = None, overrides: dict[str, Any] | None = None, needs_masks: bool = True
) -> Capture:
    """Open the capture in a folder.

    Args:
        folder: the folder.
        layout: name of a layout; None means that of meta.yaml, or the one that recognizes the folder.
        overrides: values that replace those of meta.yaml.
        needs_masks: whether a capture without masks is refused, unless meta.yaml has `masks: none`.

    Raises:
        InputError: the folder has no known layout or more than one, a file is missing or damaged, the cameras are
            inconsistent, or there are no masks.
    """
    files = CaptureFolder(folder)
    if files.has_file("meta.yaml"):
        checked_path(files.root, "meta.yaml")
    meta = read_meta(files.root / "meta.yaml", overrides)
    chosen = _named(layout, "--layout") if layout else _named(meta.layout, "layout") if meta.layout else recognize(files)
    capture = Capture(files.root, chosen.name, chosen.describe(files, meta), meta)
    if needs_masks and not capture.has_masks and meta.masks != "none":
        remedy = "add one, or masks: alpha or masks: none to meta.yaml"
        raise InputError(files.root, f"has no folder of masks ({', '.join(MASK_FOLDERS)})", remedy)
    return capture


def recognize(folder: CaptureFolder) -> Layout[Any]:
    """Return the layout of a folder; raise InputError when none or several recognize it."""
    found = [layout for layout in LAYOUTS if layout.find(folder) is not None]
    if len(found) == 1:
        return found[0]
    if found:
        shown = ", ".join(f"{layout.name} ({layout.marker})" for layout in found)
        raise InputError(folder.root, f"can be read as {shown}", "choose one with --layout, or with layout in meta.yaml")
    if any(is_video(name) for name in folder.names()):
        raise InputError(folder.root, "has videos, but no known calibration file", _looked_for())
    raise InputError(folder.root, "is not a capture of a known layout", _looked_for())


def add_layout_option(parser: argparse.ArgumentParser) -> None:
    """Add the option `--layout` to a command."""
    help_text = "layout of the capture, if its files do not make it clear: " + ", ".join(LAYOUT_NAMES)
    parser.add_argument("--layout", choices=LAYOUT_NAMES, metavar="NAME", help=help_text)


def add_meta_option(parser: argparse.ArgumentParser) -> None:
    """Add the option `--meta` to a command; `training.captures.meta.read_overrides` reads the file."""
    help_text = "settings that replace those of the capture's meta.yaml, for captures that must not be changed"
    parser.add_argument("--meta", type=Path, metavar="FILE.yaml", help=help_text)


def _looked_for() -> str:
    return "looked for " + ", ".join(f"{layout.marker} ({layout.name})" for layout in LAYOUTS)


def _named(name: str, subject: str) -> Layout[Any]:
    found = next((layout for layout in LAYOUTS if layout.name == name), None)
    if found is None:
        raise InputError(f"{subject} {name[:40]}", "is not a layout", f"the layouts are {', '.join(LAYOUT_NAMES)}")
    return found
