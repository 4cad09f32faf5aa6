"""Bundles become as small as asked, with the least loss, and say what they lost."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import pytest

from common.errors import InputError
from common.scores import psnr
from model.bundle.info import bundle_info, read_bundle, write_bundle
from model.config import HashEncodingConfig
from renderer.reference.renderer import ReferenceRenderer
from tests.factories import make_video
from training.export import main, parse_loss, parse_size
from training.reduction.search import Reduced, StepSearch, needed_psnr
from training.reduction.views import Views
from training.reduction.write import write_with_size

pytestmark = pytest.mark.xdist_group("size search")  # one process makes what they share once

SMALL = HashEncodingConfig(3, 4, log2_table_size=11, base_resolution=4, finest_resolution=32)
"""Few levels, because the sensitivity of each is measured."""


@pytest.fixture(scope="module")
def search() -> StepSearch:
    """Return the search for a small video."""
    video = make_video(seed=8, num_frames=2, hash=SMALL)
    return StepSearch(video, ReferenceRenderer())


def test_sizes_and_losses_in_words() -> None:
    assert [parse_size(text) for text in ("3MB", "1.5 mb", "800kB", "2KiB", "12B")] == [3_000_000, 1_500_000, 800_000, 2048, 12]
    assert (parse_loss("0.2dB"), parse_loss("1 db"), parse_loss("3")) == (0.2, 1.0, 3.0)
    for parse, texts in (
        (parse_size, ("3", "MB", "-1MB", "0MB", "1e3MB", "3 MBit", "9" * 400 + "MB", "0.1B")),
        (parse_loss, ("dB", "0", "nan", "-1dB")),
    ):
        for text in texts:
            with pytest.raises(argparse.ArgumentTypeError):
                parse(text)


def test_the_needed_psnr_by_hand() -> None:
    """An error as large as the video's own doubles the mean square: it costs 3.01 dB."""
    assert needed_psnr(10 * math.log10(2), 28.0) == pytest.approx(28.0)
    assert psnr(10**-4.2) == pytest.approx(42.0)
    loss = 10 * math.log10(1 + 10 ** ((28 - needed_psnr(0.2, 28)) / 10))
    assert loss == pytest.approx(0.2)


@pytest.mark.slow
def test_a_file_has_at_most_the_wanted_size_and_smaller_ones_lose_more(search: StepSearch, tmp_path: Path) -> None:
    losses = []
    for size in (120_000, 60_000):
        reduced = write_with_size(search, size, tmp_path / "a.mlpvid")
        assert 0.9 * size < (tmp_path / "a.mlpvid").stat().st_size <= size
        again = read_bundle(tmp_path / "a.mlpvid")
        views = Views(search.parts.video, ReferenceRenderer())
        assert psnr(views.error(again)) == pytest.approx(reduced.psnr, abs=1e-3)
        losses.append(reduced.psnr)
    assert losses[0] > losses[1] + 3
    with pytest.raises(InputError, match="needs at least"):
        search.for_size(1000)


@pytest.mark.parametrize("size", [70_500, 71_500])
def test_a_size_that_is_missed_names_itself_and_keeps_the_old_file(
    search: StepSearch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """The tensors of the video fit into such a size, but not with the header."""
    monkeypatch.setattr(search, "predicted_bytes", lambda scale: 70_000)
    monkeypatch.setattr(search, "reduced", lambda scale: Reduced({}, 99.0))
    path = tmp_path / "a.mlpvid"
    path.write_bytes(b"precious")
    with pytest.raises(InputError, match=rf"^--target-size {size / 1000}kB: is too small: this video needs at least \d+kB$"):
        write_with_size(search, size, path)
    assert path.read_bytes() == b"precious" and list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
def test_a_wanted_psnr_is_reached_closely(search: StepSearch) -> None:
    reduced = search.reduced(search.for_psnr(40.0))
    assert 40.0 <= reduced.psnr < 41.5


@pytest.mark.slow
def test_the_command_makes_a_bundle_smaller(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_bundle(make_video(num_frames=2, hash=SMALL), tmp_path / "a.mlpvid")
    assert main([str(tmp_path / "a.mlpvid"), str(tmp_path / "b.mlpvid"), "--target-size", "70kB"]) == 0
    assert bundle_info(tmp_path / "b.mlpvid")["file_size"] <= 70_000
    text = capsys.readouterr().err
    assert "hash_tables" in text and "->" in text and "PSNR to the original" in text
    assert main([str(tmp_path / "a.mlpvid"), str(tmp_path / "b.mlpvid"), "--quality", "30"]) == 2
    assert main([str(tmp_path / "a.mlpvid"), str(tmp_path / "c.mlpvid"), "--target-size", "1kB"]) == 2
    assert not (tmp_path / "c.mlpvid").exists()
