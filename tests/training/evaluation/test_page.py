"""Summaries of scores, and the page of an evaluation."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from selenium.webdriver import ActionChains
from selenium.webdriver.common.by import By

from common.errors import InputError
from tests.viewer.serve.browser import Browser
from training.evaluate import parse_frames
from training.evaluation.page import WorstViews, curve, write_page
from training.evaluation.summary import summarize
from training.evaluation.views import ScoredView, ViewImages
from training.metrics import ImageScores
from training.perceptual import PerceptualScores


def view(frame: int, camera: int, psnr: float, flicker: float | None = None) -> ScoredView:
    return ScoredView(frame, camera, ImageScores(psnr, 0.9, 0.95, psnr + 3, 0.99), flicker, 5.0)


VIEWS = [view(0, 1, 20.0), view(0, 2, 30.0), view(4, 1, 22.0, 0.1), view(4, 2, 32.0, 0.3)]


def test_means_and_deviations() -> None:
    summary = summarize(VIEWS, PerceptualScores({}, {"vgg": "no weights"}))
    assert summary["psnr"] == 26
    assert summary["deviation"]["psnr"] == pytest.approx(26**0.5, abs=1e-4)  # (6^2 + 4^2 + 4^2 + 6^2) / 4
    assert summary["cameras"]["1"]["psnr"] == 21 and summary["frames"]["4"]["psnr"] == 27
    assert summary["flicker"] == 0.2
    assert summary["lpips"] is None and summary["missing"] == {"lpips": "no weights"}
    assert summary["images"] == 4


def test_the_worst_views_are_kept() -> None:
    worst = WorstViews(3)
    image = np.zeros((4, 4, 3), np.float32)
    for score in np.random.default_rng().permutation(20):
        worst.add(view(int(score), 0, float(score)), ViewImages(image, image, np.ones((4, 4), bool)))
    assert [v.scores.psnr for v, _ in worst.sorted()] == [0, 1, 2]


def test_curves_go_up_with_the_score() -> None:
    plot = curve(VIEWS, "psnr", "PSNR")
    assert plot is not None
    (_, _, points), _ = plot["lines"]
    (x0, y0), (x1, y1) = (map(float, point.split(",")) for point in points.split())
    assert x0 < x1 and y0 > y1
    assert curve(VIEWS[:2], "flicker", "Flicker") is None


def test_a_curve_of_one_frame_is_a_line_that_can_be_seen() -> None:
    plot = curve(VIEWS, "flicker", "Flicker")
    assert plot is not None and plot["first"] == plot["last"] == 4
    for _, _, points in plot["lines"]:
        (x0, y0), (x1, y1) = (map(float, point.split(",")) for point in points.split())
        assert x1 > x0 + 5 and y0 == y1


def test_the_page_is_complete_and_alone(tmp_path: Path) -> None:
    worst = WorstViews()
    image = np.zeros((4, 4, 3), np.float32)
    for scored in VIEWS:
        worst.add(scored, ViewImages(image, image, np.ones((4, 4), bool)))
    summary = summarize(VIEWS, PerceptualScores({}, {"vgg": "no weights <here>"})) | {"backend": "cpu", "seconds": 1.0}
    write_page(tmp_path / "page.html", "a & b", summary, VIEWS, worst)
    text = (tmp_path / "page.html").read_text()
    assert "SSIM in the box, data range 2 as published: 0.95; " in text and "ssim_published" not in text
    assert "a &amp; b" in text and "no weights &lt;here&gt;" in text and "backend cpu" in text
    assert not re.findall(r'(?:src|href)="(?!data:)', text), "it loads nothing"
    assert text.index("Frame 0, camera 1") < text.index("Frame 4, camera 1") < text.index("Frame 0, camera 2")


@pytest.mark.slow
@pytest.mark.xdist_group("browser")
def test_the_boundary_of_the_images_is_dragged(tmp_path: Path) -> None:
    worst = WorstViews()
    white = np.ones((60, 200, 3), np.float32)
    worst.add(VIEWS[0], ViewImages(rendered=white * 0, truth=white, inside=np.ones((60, 200), bool)))
    summary = summarize(VIEWS[:1], PerceptualScores()) | {"backend": "cpu", "seconds": 1.0}
    write_page(tmp_path / "page.html", "a run", summary, VIEWS[:1], worst)
    browser = Browser((tmp_path / "page.html").as_uri())
    try:
        pair = browser.driver.find_element(By.CSS_SELECTOR, ".pair")
        for target in (50, 150):  # from the middle, then from there
            slider = browser.driver.find_element(By.CSS_SELECTOR, ".pair input")
            place = ActionChains(browser.driver).move_to_element(slider)
            place.click_and_hold().move_by_offset(target - 100, 0).release().perform()
            with Image.open(io.BytesIO(pair.screenshot_as_png)) as image:
                row = np.asarray(image.convert("L"))[30]
            assert len(row) == 200 and (row[: target - 3] == 255).all() and (row[target + 3 :] == 0).all()
    finally:
        browser.close()


@pytest.mark.parametrize(
    ("text", "frames"),
    [(None, [*range(10)]), ("2:5", [2, 3, 4]), ("1:9:3", [1, 4, 7]), ("::4", [0, 4, 8]), (":3", [0, 1, 2]), ("7", [7])],
)
def test_frames_with_a_stride(text: str | None, frames: list[int]) -> None:
    assert list(parse_frames(text, 10)) == frames


@pytest.mark.parametrize("text", ["", "5:2", "0:11", "-1:4", "a", "0:4:0", "0:4:-1", "0:4:1:1", "0:4:x", "11"])
def test_other_frames_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="--frames"):
        parse_frames(text, 10)
