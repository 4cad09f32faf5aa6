"""No reader takes more memory than four times its file plus 200 MB, whatever the file claims."""

from __future__ import annotations

import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.released.released import Sizes, fake_state

ROOT = Path(__file__).resolve().parents[1]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="measures with getrusage"),
]


def archive(path: Path, pickled: bytes, compressed: bool = False) -> None:
    """Write an archive as PyTorch does, with this data.pkl."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED if compressed else zipfile.ZIP_STORED) as file:
        file.writestr("a/data.pkl", pickled)
        file.writestr("a/version", b"3\n")


def call(module: str, name: str, argument: bytes) -> bytes:
    """Return the pickle of {"net": name(argument)}."""
    return b"\x80\x02}X\x03\0\0\0netc" + f"{module}\n{name}\n".encode() + argument + b"\x85Rs."


def checkpoints(folder: Path) -> None:
    """Write small checkpoints that claim gigabytes."""
    good: dict[str, Any] = fake_state(Sizes())
    wide = torch.zeros(1, 4096, 4, 4)
    changed = {
        "layers": {f"plane_decoder.backbone.{index}.weight": wide for index in (2, 3)},
        "head": {f"plane_decoder.kn_{axis}_conv.weight": torch.zeros(2624, 1, 3, 3) for axis in "xyz"}
        | {"plane_decoder.kn_backbone.2.weight": torch.zeros(4096, 1, 3, 3)},
        "tables": {f"hashtable_{plane}.offsets": torch.tensor([0, 1 << 24]) for plane in ("xyt", "xzt", "yzt")}
        | {f"hashtable_{plane}.embeddings": torch.zeros(1, 8) for plane in ("xyt", "xzt", "yzt")},
        "shared": {
            "encodings": torch.zeros(90_000, 8),
            "occupancy_grids": torch.zeros(1, dtype=torch.bool).expand(90_000, 64, 64, 64),
        },
    }
    for name, change in changed.items():
        torch.save({"net": good | change}, folder / f"{name}.pth")
    archive(folder / "bytearray.pth", call("builtins", "bytearray", b"J" + struct.pack("<i", 2_000_000_000)))
    archive(folder / "tensor.pth", call("torch", "FloatTensor", b"J" + struct.pack("<i", 500_000_000)))
    repeated = (
        b"\x80\x02}X\x03\0\0\0net](" + b"K\x00" * 20_000 + b"eq\x00(" + b"ccollections\nCounter\nh\x00\x85R" * 5_000 + b"ls."
    )
    archive(folder / "copies.pth", repeated)
    archive(folder / "inflated.pth", pickle.dumps({"net": "x" * 400_000_000}, 2), compressed=True)


def others(folder: Path) -> None:
    """Write files of the other readers."""
    shared = [[]]  # type: ignore[var-annotated]
    for _ in range(40):
        shared = [shared, shared]
    np.save(folder / "doubled.npy", np.array({"ims": shared}, dtype=object), allow_pickle=True)
    (folder / "alias.yaml").write_text(
        "a0: &a0 [" + "x, " * 1000 + "]\n" + "".join(f"a{n + 1}: &a{n + 1} [{f'*a{n}, ' * 9}]\n" for n in range(12))
    )
    (folder / "alias.settings").write_text((folder / "alias.yaml").read_text())
    (folder / "brackets.json").write_text("[" + "[]," * 1_900_000 + "[]]")
    (folder / "brackets.path").write_text('{"keyframes": [' + "{}," * 900_000 + "{}]}")
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000, 3), }".ljust(117) + b"\n"
    (folder / "a.npy").write_bytes(b"\x93NUMPY\x01\x00\x76\x00" + header)
    (folder / "a.vertices").write_bytes(b"")
    (folder / "huge.mlpvid").write_bytes(struct.pack("<Q", 100_000_000) + b"{" * 1000)
    run = folder / "a.run"
    run.mkdir()
    (run / "checkpoint.safetensors").write_bytes(struct.pack("<Q", 100_000_000) + b"{" * 1000)
    (folder / "pixels.png").write_bytes(
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 6, 0, 0, 0) + b"\0\0\0\0"
    )


def test_readers_take_no_more_than_their_files_explain(tmp_path: Path) -> None:
    checkpoints(tmp_path)
    others(tmp_path)
    files = sorted((path for path in tmp_path.iterdir() if path.name != "a.npy"), key=lambda path: path.stat().st_size)
    command = [sys.executable, "-m", "tests.peak_memory", *map(str, files)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    grown = dict(zip([path.name for path in files], map(int, result.stdout.split()), strict=True))
    for path in files:
        assert grown[path.name] <= 4 * path.stat().st_size + 200_000_000, grown
