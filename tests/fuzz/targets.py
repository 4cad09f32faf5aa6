"""The readers that are fuzzed, and the valid files that they begin with."""

from __future__ import annotations

import contextlib
import functools
import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from common import image_reading
from common.cached_json import read_cached
from common.plain_values import pack, unpack
from common.streaming.block_cache import BLOCK_BYTES
from model.bundle.info import bundle_info, read_bundle
from model.camera import load_camera
from model.segmented_video import SegmentedVideo
from model.sound.decode import decode_sound
from model.sound.stored import sound_file
from model.video import VolumetricVideo
from tests.common.streaming.killed_writers import opened
from tests.factories import make_video
from tests.fuzz.checksums import with_ogg_checksums, with_png_checksums, with_sha256
from tests.fuzz.documents import mutated_json, mutated_safetensors, mutated_yaml
from tests.fuzz.mutations import mutated, overwritten
from tests.model.bundle.coded_files import with_checksums
from tests.training.released.released import Sizes, fake_state
from training.captures.annotations import parse_annotations
from training.captures.layouts.annots import Annotations
from training.captures.meta import read_meta
from training.loop.checkpoint import read_header
from training.loop.scene import load_scene
from training.released import archive
from training.released.checkpoint import ReleaseCheckpoint
from viewer.app.scene_file import read_scene, write_scene
from viewer.app.workspace import read_workspace
from viewer.camera_path.foreign import SceneTimes, load_any
from viewer.export.image_files import read_png_camera
from viewer.picture import image_decoding
from viewer.picture.background_image import read_background
from viewer.settings_file import read_settings

CORPUS = Path(__file__).parent / "corpus"
"""Valid files, in one folder per target."""


@dataclass(frozen=True)
class Target:
    """A reader. Anything that it raises except `InputError` is a fault."""

    read: Callable[[Path], object]
    """Reads a file, or a folder, completely."""
    name: str
    """Name of the file."""
    write: Callable[[Path, bytes], object] = Path.write_bytes
    """Writes the file that has a damaged content."""
    reach: int = 1 << 20
    """Only this many bytes at the beginning are damaged."""
    damaged: Callable[[random.Random, bytes, Sequence[bytes], int], bytes] = mutated
    """Returns a damaged copy of a content. Parameters are those of `mutated`."""

    def seeds(self, target: str) -> list[bytes]:
        """Return the valid contents."""
        return [path.read_bytes() for path in sorted((CORPUS / target).iterdir())]


@functools.cache
def _released_archive() -> tuple[bytes, bytes, int]:
    """Return the members of a small released checkpoint without its `data.pkl`, their directory, and their number."""
    sizes = Sizes(frames=2, latent=2, backbone=(1, 1), trunk=(1,), levels=2, base=2, log2_table=4, cells=(2, 2, 2))
    stream, result = io.BytesIO(), io.BytesIO()
    torch.save({"net": fake_state(sizes), "epoch": 0}, stream)
    with zipfile.ZipFile(stream) as whole, zipfile.ZipFile(result, "w") as copy:
        for name in whole.namelist():
            if not name.endswith("/data.pkl"):
                copy.writestr(f"a/{name.partition('/')[2]}", whole.read(name))
    return result.getvalue()[: copy.start_dir], result.getvalue()[copy.start_dir : -_ZIP_END.size], len(copy.namelist())


_ZIP_LOCAL, _ZIP_CENTRAL, _ZIP_END = struct.Struct("<4s5H3L2H"), struct.Struct("<4s6H3L5H2L"), struct.Struct("<4s4H2LH")


def _write_released(path: Path, content: bytes) -> None:
    """Write a small released checkpoint with this `data.pkl`. Python's zipfile would parse and write the directory again."""
    members, directory, count = _released_archive()
    name, crc, size = b"a/data.pkl", zlib.crc32(content), len(content)
    local = _ZIP_LOCAL.pack(b"PK\3\4", 20, 0, 0, 0, 33, crc, size, size, len(name), 0) + name
    central = _ZIP_CENTRAL.pack(b"PK\1\2", 20, 20, 0, 0, 0, 33, crc, size, size, len(name), 0, 0, 0, 0, 0, len(members)) + name
    begins, length = len(members) + len(local) + size, len(directory) + len(central)
    end = _ZIP_END.pack(b"PK\5\6", 0, 0, count + 1, count + 1, length, begins, 0)
    path.write_bytes(b"".join((members, local, content, directory, central, end)))


def _write_colmap(path: Path, content: bytes) -> None:
    """Write a list of COLMAP's images, with the cameras next to it."""
    path.with_name("cameras.txt").write_text("1 PINHOLE 200 100 50 60 101 52\n")
    path.write_bytes(content)


def _write_coded(path: Path, content: bytes) -> None:
    """Write a file of version 2 with right checksums where that is possible: otherwise all damage would be found by them."""
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error):
        content = with_checksums(with_ogg_checksums(content))
    path.write_bytes(content)


def _write_plain(path: Path, content: bytes) -> None:
    """Write a file of version 1 with the right checksum."""
    path.write_bytes(with_sha256(content))


def _write_sound(path: Path, content: bytes) -> None:
    path.write_bytes(with_ogg_checksums(content))


def _write_png(path: Path, content: bytes) -> None:
    path.write_bytes(with_png_checksums(content))


def _read_video(path: Path) -> None:
    video = read_bundle(path)
    video.decode(0.5)
    for time in np.linspace(0, video.num_frames - 1, 5).tolist() if isinstance(video, SegmentedVideo) else ():
        video.decode(time)
    if video.metadata.sound is not None:
        decode_sound(video.metadata.sound)
    bundle_info(path)


def _read_annotations(path: Path) -> None:
    content = Annotations(path, _call_here(parse_annotations, path.read_bytes()))
    content.cameras(content.image_files()[0])


def _call_here(function: Callable[[bytes], object], data: bytes, *_: object) -> object:
    """Do in this process what a child does otherwise: starting one takes longer than reading the file."""
    return unpack(pack(function(data)))


def _read_background(path: Path) -> None:
    """Read an image of at most 4 megapixels. Larger ones may be valid, and take more memory than the fuzzer allows."""
    with patch.object(image_reading, "call_limited", _call_here), patch.object(image_decoding, "MAX_PIXELS", 1 << 22):
        read_background(path)


def _read_screenshot(path: Path) -> None:
    """Read one of at most 4 megapixels, for the same reason."""
    with patch.object(image_reading, "call_limited", _call_here), patch.object(image_decoding, "MAX_IMAGE_SIDE", 1 << 11):
        read_png_camera(path)


def _write_block(path: Path, content: bytes) -> None:
    """Write a cached block of a streamed file. Its checksum is right if the content begins with an even byte."""
    blocks = opened(path.parent)
    blocks.store(0, content[:BLOCK_BYTES])
    if content[:1] and content[0] % 2:
        next(path.parent.rglob("*.block")).write_bytes(content)


def _read_block(path: Path) -> None:
    blocks = opened(path.parent)
    for number in (*blocks.stored(), 1):
        data = blocks.load(number)
        assert data is None or len(data) <= BLOCK_BYTES


def _read_released(path: Path) -> None:
    with patch.object(archive, "call_limited", _call_here):
        checkpoint = ReleaseCheckpoint(path)
    checkpoint.latents(), checkpoint.hash_encoding(), checkpoint.decoder()


@functools.cache
def _video() -> VolumetricVideo:
    return make_video(num_frames=2)


def _read_placed(path: Path) -> None:
    scene = read_scene(path, lambda _: _video())
    scene.box_and_occupancy(scene.num_frames - 1.0)
    write_scene(scene.videos, path)


def _read_workspace(path: Path) -> None:
    read_workspace(path).to_text()


def _damaged_binary(random_: random.Random, content: bytes, others: Sequence[bytes], reach: int) -> bytes:
    """Damage a binary file. Half of the copies keep their length, because shifted bytes rarely make sense."""
    return overwritten(random_, content) if random_.random() < 0.5 else mutated(random_, content, others, reach)


_TIMES = SceneTimes(12, 30.0)

TARGETS: dict[str, Target] = {
    "bundle": Target(_read_video, "a.mlpvid", _write_plain, 8192, mutated_safetensors),
    "coded": Target(_read_video, "a.mlpvid", _write_coded, 1 << 15, mutated_safetensors),
    "sound": Target(lambda path: decode_sound(sound_file(path)), "a.opus", _write_sound, damaged=_damaged_binary),
    "settings": Target(read_settings, "settings.yaml", damaged=mutated_yaml),
    "camera": Target(load_camera, "camera.json", damaged=mutated_json),
    "path": Target(lambda path: load_any(path, _TIMES), "path.json", damaged=mutated_json),
    "colmap": Target(lambda path: load_any(path, _TIMES), "images.bin", _write_colmap, damaged=_damaged_binary),
    "annots": Target(_read_annotations, "annots.npy", damaged=_damaged_binary),
    "checkpoint": Target(lambda path: read_header(path.parent), "checkpoint.safetensors", damaged=mutated_safetensors),
    "scene": Target(lambda path: load_scene(path.parent), "scene.safetensors", damaged=mutated_safetensors),
    "placed": Target(_read_placed, "a.mlpvid-scene", damaged=mutated_json),
    "workspace": Target(_read_workspace, "workspace.json", damaged=mutated_json),
    "background": Target(_read_background, "image.png", _write_png, damaged=_damaged_binary),
    "screenshot": Target(_read_screenshot, "screenshot.png", _write_png, damaged=_damaged_binary),
    "meta": Target(read_meta, "meta.yaml", damaged=mutated_yaml),
    "import": Target(_read_released, "final.pth", _write_released, damaged=_damaged_binary),
    "block": Target(_read_block, "block", _write_block),
    "cache": Target(read_cached, "cache.json", damaged=mutated_json),
}
"""The readers by name."""
