"""Files dropped on the window: bundles, camera paths, and cameras in screenshots or JSON files."""

from __future__ import annotations

from pathlib import Path

from common.documents import read_json
from common.errors import InputError
from model.camera import load_camera
from viewer import SCENE_SUFFIX
from viewer.app.app import ViewerApp
from viewer.app.faults import CHECK_FILE, cannot_open
from viewer.camera_path.colmap import is_colmap

MAX_CAMERA_BYTES = 1 << 16
"""Largest file of one camera. Larger ones are camera paths, which are read in the background."""

PATH_FIELDS = frozenset(("keyframes", "camera_path", "path"))
"""Fields of camera paths: this program's, nerfstudio's and instant-ngp's."""


def take_dropped(app: ViewerApp, name: str) -> None:
    """Open one dropped file; an error becomes a dialog."""
    path = Path(name)
    suffix = path.suffix.lower()
    try:
        if suffix in (".mlpvid", SCENE_SUFFIX) or path.is_dir():
            app.documents.open(path)
        elif suffix in (".json", ".png") or is_colmap(path):
            _take_view(app, path)
        else:
            raise InputError(
                path,
                "cannot be opened here",
                "drop a .mlpvid or .mlpvid-scene file, a screenshot, or a .json file of a camera or a camera path",
            )
    except InputError as error:
        app.messages.show_exception(error, cannot_open(path), CHECK_FILE)
    app.redraw.request()


def _take_view(app: ViewerApp, path: Path) -> None:
    document = app.document
    if document is None:
        raise InputError(path, "needs an open video", "open a .mlpvid file first")
    if path.suffix.lower() == ".png" or is_colmap(path) or _is_path(path):
        app.camera_paths.load(document, path)
    else:
        document.camera.snap_to(load_camera(path))
    document.previewing = False
    app.redraw.record_motion()


def _is_path(path: Path) -> bool:
    """Return whether a JSON file is a camera path and not one camera."""
    if path.is_file() and path.stat().st_size > MAX_CAMERA_BYTES:
        return True
    values = read_json(path)
    return isinstance(values, list) or (isinstance(values, dict) and not PATH_FIELDS.isdisjoint(values))
