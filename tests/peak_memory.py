"""Print how much the peak memory of this process grows while it reads files: python -m tests.peak_memory FILE ..."""

from __future__ import annotations

import contextlib
import resource
import sys
from collections.abc import Callable
from pathlib import Path

from common.documents import read_json
from common.errors import InputError
from common.yaml_documents import read_yaml
from model.bundle.info import read_bundle
from training.captures.annotations import read_annotations
from training.captures.images import image_size
from training.captures.vertices import read_vertices
from training.loop.checkpoint import read_header
from training.released.checkpoint import ReleaseCheckpoint
from viewer.camera_path.path import CameraPath
from viewer.settings_file import read_settings


def import_checkpoint(path: Path) -> None:
    """Read everything from a released checkpoint."""
    checkpoint = ReleaseCheckpoint(path)
    checkpoint.latents(), checkpoint.decoder(), checkpoint.hash_encoding()


READERS: dict[str, Callable[[Path], object]] = {
    ".pth": import_checkpoint,
    ".npy": read_annotations,
    ".mlpvid": read_bundle,
    ".yaml": read_yaml,
    ".settings": read_settings,
    ".json": read_json,
    ".path": CameraPath.load,
    ".png": image_size,
    ".vertices": lambda path: read_vertices(path.parent, path.stem),
    ".run": read_header,
}
"""The reader of each suffix."""


def peak() -> int:
    """Return the peak memory of this process so far, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    """Read each file and print the growth in bytes since the start."""
    before = peak()
    for name in sys.argv[1:]:
        with contextlib.suppress(InputError):
            READERS[Path(name).suffix](Path(name))
        print(peak() - before, flush=True)


if __name__ == "__main__":
    main()
