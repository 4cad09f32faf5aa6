"""The rate-distortion curve: fewer bytes mean more error, and docs/storage.md gets the figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.rate_distortion import COARSEST, FINEST, Point, main, section, table, with_section
from model.bundle.info import write_bundle
from model.bundle.read import read_bundle
from tests.model.bundle.segment_files import config_with_tables, segment_videos, write_row
from tests.training.scenes import ball_capture


def test_the_table_by_hand() -> None:
    points = [Point(4_000_000, 200.0, 28.0, 8, None), Point(1_000_000, 50.0, 27.5, 8, 41.25)]
    assert table(points).splitlines()[2:] == [
        "| before | 4.00 | 200.0 | 28.00 |  |",
        "| rounded, 1 | 1.00 | 50.0 | 27.50 | 41.25 |",
    ]


def test_the_section_names_its_command_and_the_papers() -> None:
    text = section("demo.mlpvid", [Point(4_000_000, 200.0, 28.0, 8, None)] * 2, " --frames 0:60:5")
    assert "`python -m benchmarks.rate_distortion demo.mlpvid --capture CAPTURE --frames 0:60:5`" in text
    assert "| ComGS ([arXiv:2505.16533](https://arxiv.org/abs/2505.16533)) | 0.049 MB per frame | 49 |" in text


def test_a_section_is_added_and_replaced() -> None:
    page = with_section("# Page\n\ntext\n", "## New\n\none\n\n")
    assert page == "# Page\n\ntext\n\n## New\n\none\n"
    assert with_section(page, "## New\n\ntwo\n\n") == "# Page\n\ntext\n\n## New\n\ntwo\n"
    between = "# Page\n\n## New\n\none\n\n## Last\n\nend\n"
    assert with_section(between, "## New\n\ntwo\n\n") == "# Page\n\n## New\n\ntwo\n\n## Last\n\nend\n"


@pytest.mark.slow
@pytest.mark.parametrize("segments", [1, 2])
def test_the_command(tmp_path: Path, segments: int, capsys: pytest.CaptureFixture[str]) -> None:
    capture, docs, bundle = ball_capture(tmp_path / "ball", frames=2 * segments), tmp_path / "docs", tmp_path / "a.mlpvid"
    videos = segment_videos([2] * segments, config_with_tables())
    if segments == 1:
        write_bundle(videos[0], bundle)
    else:
        write_row(bundle, videos)
    (docs / "images").mkdir(parents=True)
    (docs / "storage.md").write_text("# Storage\n")
    frames = f"0:{2 * segments}"
    assert main([str(bundle), "--capture", str(capture), "--points", "5", "--frames", frames, "--docs", str(docs)]) == 0
    points = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert len(points) == 6 and points[0]["bytes"] == bundle.stat().st_size and points[0]["to_original"] is None
    sizes, errors = ([point[name] for point in points[1:]] for name in ("bytes", "to_original"))
    assert sizes == sorted(sizes, reverse=True) and errors == sorted(errors, reverse=True)
    assert errors[0] > FINEST - 6 and errors[-1] < COARSEST + 6, "held-out views differ a little from those of the search"
    assert points[3]["kilobytes_per_frame"] == pytest.approx(points[3]["bytes"] / read_bundle(bundle).num_frames / 1000)
    page = (docs / "storage.md").read_text()
    assert page.startswith("# Storage\n\n## Rate and distortion\n") and f"| rounded, 5 | {sizes[4] / 1e6:.2f} |" in page
    assert f"--capture CAPTURE --frames {frames}`" in page
    plot = (docs / "images" / "rate_distortion.svg").read_text()
    assert plot.startswith("<?xml") and "ComGS" in plot


def test_wrong_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "a.mlpvid"), "--capture", str(tmp_path), "--points", "3"]) == 2
    assert "--points: must be at least 5" in capsys.readouterr().err
    assert main([str(tmp_path / "a.mlpvid"), "--capture", str(tmp_path), "--docs", str(tmp_path)]) == 2
    assert "storage.md: no such file" in capsys.readouterr().err
