"""Long videos become as small as asked, with the same steps in all segments, and one part in memory at a time."""

from __future__ import annotations

import dataclasses
import gc
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.scores import psnr
from model import segment_store
from model.bundle.info import bundle_info, find_damage
from model.bundle.read import open_any
from renderer.select import create_renderer
from tests.model.bundle.segment_files import config_with_tables, damage_segment, opened, segment_videos, write_row
from training.export import main
from training.reduction.parts import Part, Parts
from training.reduction.search import StepSearch
from training.reduction.views import Views
from training.reduction.write import write_rounded, write_with_size

pytestmark = pytest.mark.xdist_group("size search of segments")  # one process makes what they share once

LENGTHS = (2, 3, 2, 2, 2)
SMALL = config_with_tables()


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a bundle of five segments, which is repeated once."""
    path = tmp_path_factory.mktemp("long") / "long.mlpvid"
    return write_row(path, segment_videos(LENGTHS, SMALL), repeats=2)


@pytest.fixture(scope="module")
def search(source: Path) -> StepSearch:
    """Return the search for it."""
    return StepSearch(opened(source), create_renderer("cpu"))


def test_parts_are_the_segments_without_what_is_not_read(source: Path) -> None:
    parts, videos = Parts(opened(source)), segment_videos(LENGTHS, SMALL)
    assert len(parts) == 5
    for part, video in zip(parts, videos, strict=True):
        np.testing.assert_array_equal(part.arrays["latents"], video.latents)
        tables = np.where(part.used[..., None], video.hash_tables, 0)
        np.testing.assert_array_equal(part.arrays["hash.tables"], tables)
    single = Parts(videos[1])
    assert len(single) == 1 and single[0].video is videos[1]


def test_decoders_of_segments_are_all_counted_and_rounded(tmp_path: Path) -> None:
    videos = segment_videos((2, 2, 2), SMALL, own_decoders=True)
    path, small = write_row(tmp_path / "own.mlpvid", videos), tmp_path / "small.mlpvid"
    own = StepSearch(opened(path), create_renderer("cpu"))
    shared = StepSearch(opened(write_row(tmp_path / "shared.mlpvid", segment_videos((2, 2, 2), SMALL))), create_renderer("cpu"))
    for first, second in zip(own.groups, shared.groups, strict=True):
        if first.name.startswith("decoder."):
            assert first.values.count == 3 * second.values.count
    write_with_size(own, 100_000, small)
    assert 90_000 < small.stat().st_size <= 100_000 and find_damage(small)[0] == []
    before, after = opened(path), opened(small)
    assert after.own_decoders
    step = own.named_steps(own.for_size(100_000))["decoder.color_head.weight"][0]
    for data in range(3):
        original, rounded = (video.store.get(data).decoder_weights["color_head.weight"] for video in (before, after))
        assert 0 < np.abs(rounded - original).max() <= 0.6 * step


@pytest.mark.slow
def test_sizes_and_errors_of_all_segments_count(search: StepSearch, source: Path, tmp_path: Path) -> None:
    sizes = []
    for size in (60_000, 35_000):
        reduced = write_with_size(search, size, tmp_path / "small.mlpvid")
        assert 0.9 * size < (tmp_path / "small.mlpvid").stat().st_size <= size
        sizes.append(reduced.psnr)
        again, before = opened(tmp_path / "small.mlpvid"), opened(source)
        assert (again.metadata.provenance, again.metadata.fps) == (before.metadata.provenance, before.metadata.fps)
        assert again.segments == before.segments
        assert find_damage(tmp_path / "small.mlpvid")[0] == []
        errors = []
        for place, index in enumerate((0, 1, 3, 4)):  # of five segments, four are compared, each in another view
            original, rounded = (Parts(video)[index].video for video in (before, again))
            errors.append(Views(original, create_renderer("cpu"), 1, place).error(rounded))
        assert psnr(float(np.mean(errors))) == pytest.approx(reduced.psnr, abs=0.05)
    assert sizes[0] > sizes[1]


def test_all_segments_have_the_same_steps(search: StepSearch, tmp_path: Path) -> None:
    steps = search.reduced(search.for_size(40_000)).steps
    write_rounded(search.parts, steps, tmp_path / "small.mlpvid")
    bundle: Any = open_any(tmp_path / "small.mlpvid")
    stored = {bundle.metadata.codes[f"segments.{data}.hash.tables"].steps for data in range(5)}
    expected = tuple(float(np.float32(step)) for step in steps["hash.tables"])
    assert stored == {expected} and len(expected) == SMALL.hash.num_levels


def test_few_segments_are_in_memory(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alive: weakref.WeakSet[Part] = weakref.WeakSet()
    most, load = 0, Parts._load

    def counted(parts: Parts, index: int) -> Part:
        nonlocal most
        gc.collect()
        most = max(most, len(alive) + 1)
        part = dataclasses.replace(load(parts, index))
        alive.add(part)
        return part

    monkeypatch.setattr(Parts, "_load", counted)
    monkeypatch.setattr(segment_store, "SEGMENT_MEMORY", 0)
    video = opened(source)
    counted_search = StepSearch(video, create_renderer("cpu"))
    write_rounded(counted_search.parts, counted_search.reduced(1e-3).steps, tmp_path / "small.mlpvid")
    assert most <= 2, "the one before may still be referenced by a loop"
    assert len(video.store.loaded) <= 2


@pytest.mark.slow
def test_the_command_with_size_and_loss(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "small.mlpvid"
    assert main([str(source), str(out), "--target-size", "40kB"]) == 0
    text = capsys.readouterr().err
    assert "hash_tables" in text and "->" in text and "PSNR to the original" in text
    info = bundle_info(out)
    assert info["file_size"] <= 40_000 and info["segments"] == 10
    assert main([str(source), str(out), "--target-loss", "0.2dB", "--quality", "28"]) == 0
    assert 41.0 < float(capsys.readouterr().err.split("PSNR to the original: ")[1].split()[0]) < 44
    assert main([str(source), str(tmp_path / "c.mlpvid")]) == 2
    assert "use --target-size or --target-loss" in capsys.readouterr().err
    damaged = tmp_path / "damaged.mlpvid"
    damaged.write_bytes(source.read_bytes())
    damage_segment(damaged, 3)
    assert main([str(damaged), str(tmp_path / "c.mlpvid"), "--target-size", "40kB"]) == 2
    assert "segments.3.hash.tables, frames 7 to 8: is damaged" in capsys.readouterr().err
    assert not (tmp_path / "c.mlpvid").exists()
