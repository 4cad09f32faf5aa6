"""Find the folder of masks of a capture."""

from __future__ import annotations

from common.errors import InputError
from training.captures.files import CaptureFolder
from training.captures.meta import CaptureMeta
from training.captures.sources import is_inside

MASK_FOLDERS = ("mask", "schp", "mask_cihp", "masks")
"""Folders that masks are searched in, in this order."""

NOT_FOLDERS = ("alpha", "none")
"""Values of `masks` in meta.yaml that are not folders."""


def mask_folder(folder: CaptureFolder, meta: CaptureMeta, usual: tuple[str, ...] = MASK_FOLDERS) -> str | None:
    """Return the folder that meta.yaml names, or the first of the usual ones that exists, or None.

    Raises:
        InputError: the folder that meta.yaml names does not exist.
    """
    if meta.masks in NOT_FOLDERS:
        return None
    if not meta.masks:
        return next((name for name in usual if folder.has_folder(name)), None)
    if not is_inside(meta.masks) or not folder.has_folder(meta.masks):
        raise InputError(folder.root / "meta.yaml", f"masks: there is no folder {meta.masks}")
    return meta.masks
