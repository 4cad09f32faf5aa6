"""The page of results: a section for each folder, which is renewed without touching the others."""

from __future__ import annotations

import itertools
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import yaml
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from common.errors import InputError
from experiments.measure import FrameTimes, Measured
from experiments.page import heading_anchor, read_sections, update_page
from experiments.plan import Subject, make_plan, parse_budget
from experiments.plan_file import keep_plan
from experiments.plots import picture_figure, tick_multiples
from experiments.provenance import FILE_NAME, read_provenance, record_provenance
from experiments.recipe import read_recipe
from experiments.report import main
from experiments.run import make_parser
from experiments.section import Section
from experiments.table import read_table, table_names

TITLE = "Table 4: other methods, measured on"


def results(out: Path, capture: str, psnr: dict[str, float], processor_time: bool = False) -> Path:
    """Write a folder of results of table 4, with a result for each row that has a PSNR."""
    subjects = [Subject(capture, out / capture, range(9, 50, 20))]
    plan = make_plan("table4", read_table("table4"), "small", subjects, 1.25, None, processor_time=processor_time)
    keep_plan(plan, out)
    for row, value in psnr.items():
        row_result(out / capture / row, value, "3 steps in 12 minutes, seed 0")
    return out


def row_result(
    folder: Path,
    psnr: float,
    trained: str,
    processor: bool = False,
    best: FrameTimes | None = None,
    reference: FrameTimes | None = None,
) -> None:
    """Write the files of a finished row."""
    times = FrameTimes("reference", 20.0, 30.0, processor)
    scores = {"psnr": psnr, "ssim": 0.9, "ssim_published": 0.95, "lpips": None, "flicker": 0.01}
    measured = Measured(scores, best or times, reference or times, 10**6, 4 * 10**6, 8, 8, trained)
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(measured.to_dict()))
    for name in ("truth", "rendered"):
        Image.new("RGB", (8, 8), (200, 100, 50)).save(folder / f"{name}.png")


def run_report(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().err


@pytest.fixture
def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out plots and pictures, which take a second."""
    for name in ("draw_tradeoffs", "draw_pictures"):
        monkeypatch.setattr(f"experiments.section.{name}", lambda *_: None)


@pytest.mark.slow
def test_sections_are_added_and_renewed_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    slow = results(tmp_path / "slow", "legionary", {"dynerf": 24.0, "complete": 26.5})
    fast = results(tmp_path / "fast", "juggler_3", {"dynerf": 20.25, "complete": 21.0})
    page = tmp_path / "docs" / "experiments.md"
    page.parent.mkdir()
    assert run_report(capsys, slow, "--page", page) == f"wrote {page}\n"
    first = {section.title: section.text for section in read_sections(page)}
    run_report(capsys, fast, "--page", page)
    (fast / "juggler_3" / "dynerf" / "result.json").unlink()
    run_report(capsys, fast, "--page", page)
    sections = {section.title: section.text for section in read_sections(page)}
    assert list(sections) == [f"{TITLE} legionary", f"{TITLE} juggler_3"]
    assert sections[f"{TITLE} legionary"] == first[f"{TITLE} legionary"]
    assert "| DyNeRF |" in first[f"{TITLE} legionary"] and "| DyNeRF |" not in sections[f"{TITLE} juggler_3"]
    assert "- Not finished: Neural Volumes; C-NeRF; D-NeRF; DyNeRF." in sections[f"{TITLE} juggler_3"]
    links = re.findall(r"^- \[(.*)\]\(#(.*)\)$", page.read_text(), re.MULTILINE)
    assert links == [(title, heading_anchor(title)) for title in sections]
    assert links[1][1] == "table-4-other-methods-measured-on-juggler_3"
    images = re.findall(r"\]\((images/.*)\)", page.read_text())
    assert len(images) == 4 and all((page.parent / image).is_file() for image in images)


@pytest.mark.usefixtures("no_drawing")
def test_what_agrees_with_the_paper_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = results(tmp_path / "out", "legionary", {"neural_volumes": 27.0, "dynerf": 24.0, "complete": 26.5})
    run_report(capsys, out, "--page", tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    # The paper: 28.12 - 30.17 dB, 49 / 24 ms, 658 / 245 MB; 29.88 - 30.17 dB, 3452 / 24 ms, 12 / 245 MB.
    expected = (
        "| Neural Volumes | worse (-2.05 dB), better (+0.50 dB): **differs** | higher (2.04 x), equal (1.00 x): **differs** | "
        "higher (2.69 x), equal (1.00 x): **differs** |"
    )
    assert expected in text and "| DyNeRF | worse (-0.29 dB), worse (-2.50 dB) | higher (143.83 x), equal" in text
    assert "The order is that of the paper in 1 of 6 comparisons." in text.replace("\n", " ")


@pytest.mark.usefixtures("no_drawing")
@pytest.mark.parametrize("processor_time", [False, True])
def test_the_command_of_a_section_repeats_its_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], processor_time: bool
) -> None:
    out = results(tmp_path / "out", "legionary", {"complete": 26.5}, processor_time)
    run_report(capsys, out, "--page", tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    length = "12 minutes of processor time" if processor_time else "12 minutes, from the images to the bundle"
    assert f"- Training of each row: {length}; preset small, seed 0." in text
    found = re.search(r"Command: `python -m experiments.run (.*)`", text)
    assert found is not None
    options = make_parser().parse_args(shlex.split(found[1]))
    stored = yaml.safe_load((out / "plan.yaml").read_text())
    hours = parse_budget(options.budget)
    again = make_plan(options.table, read_table("table4"), options.preset, [Subject("a", out, range(1))], hours, options.steps)
    assert again.minutes == stored["minutes"] == 12.0 and options.processor_time == processor_time
    assert options.frames == "9:50:20" and options.capture == Path("legionary")


@pytest.mark.usefixtures("no_drawing")
@pytest.mark.parametrize("recipe", ["zju_mocap", "legionary_short"])
def test_the_command_of_equal_steps_names_recipe_and_clock(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recipe: str
) -> None:
    """The recipe of the table itself need not be named, another one must."""
    out, name = tmp_path / "out", read_recipe(recipe).sequences[0].name
    subjects = [Subject(name, tmp_path, range(3))]
    keep_plan(make_plan("table4", read_table("table4"), "small", subjects, None, 7, 0, recipe, True), out)
    row_result(out / name / "complete", 26.5, "7 steps in 3 minutes, seed 0", processor=True)
    run_report(capsys, out, "--page", tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    found = re.search(r"Command: `python -m experiments.run (.*)`", text)
    assert found is not None
    options = make_parser().parse_args(shlex.split(found[1]))
    assert (options.steps, options.budget, options.processor_time, options.sequences) == (7, None, True, name)
    assert options.recipe == (None if recipe == "zju_mocap" else recipe)
    assert "| Dynamic MLP maps | 7 steps | 26.50 |" in text and "- Training of each row: 7 steps; preset small" in text
    assert ("### PSNR of each capture" in text) == (recipe == "zju_mocap")  # the other one has no figures of the paper


@pytest.mark.usefixtures("no_drawing")
@pytest.mark.parametrize("clocks", [(False, False), (True, False), (True, True)])
def test_the_page_says_which_times_are_processor_times(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], clocks: tuple[bool, bool]
) -> None:
    out = results(tmp_path / "out", "legionary", {})
    times = [FrameTimes(name, 20.0, 30.0, clock) for name, clock in zip(("cpu", "opengl"), clocks, strict=True)]
    row_result(out / "legionary" / "complete", 26.5, "3 steps in 12 minutes, seed 0", best=times[0], reference=times[1])
    run_report(capsys, out, "--page", tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert ("rendering. They are processor time of all threads. The paper's" in text) == (clocks == (True, True))
    assert ("rendering. Those of the renderers cpu are processor time of all threads. The" in text) == (clocks == (True, False))
    assert ("rendering. The paper's times" in text) == (clocks == (False, False))


@pytest.mark.usefixtures("no_drawing")
def test_every_machine_and_commit_is_recorded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = results(tmp_path / "out", "legionary", {"complete": 26.5})
    run_report(capsys, out, "--page", tmp_path / "page.md")
    assert "- Machine: not recorded.\n- Commit: not recorded." in (tmp_path / "page.md").read_text()
    for commit in ("1234567890", "9" * 40, "1234567890"):
        monkeypatch.setattr("experiments.provenance.describe_commit", lambda commit=commit: commit)
        record_provenance(out)
    assert [one.commit for one in read_provenance(out)] == ["1234567890", "9" * 40]
    monkeypatch.setattr("experiments.provenance.describe_commit", lambda: "later")
    run_report(capsys, out, "--page", tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert f"- Commit: 1234567890.\n- Commit: {'9' * 40}." in text and text.count("- Machine: ") == 1 and "later" not in text
    (out / FILE_NAME).write_text("runs: [{commit: 1}]")
    assert main([str(out), "--page", str(tmp_path / "page.md")]) == 2
    assert re.search(r"provenance.yaml.runs\[0\].commit: must be of type str", capsys.readouterr().err)


@pytest.mark.usefixtures("no_drawing")
def test_remarks_are_shown_after_each_renewal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = results(tmp_path / "out", "legionary", {"dynerf": 27.0, "complete": 26.5})
    monkeypatch.setattr("experiments.remarks.FOLDER", tmp_path)
    remarks = {"all": "It is short.", "dynerf": "Nothing\n is hidden.", "c_nerf": "Later."}
    (tmp_path / "remarks.yaml").write_text(yaml.safe_dump({"table4_small_legionary": remarks, "other": {"x": "y"}}))
    for _ in range(2):
        run_report(capsys, out, "--page", tmp_path / "page.md")
        assert "|\n\n- It is short.\n- DyNeRF: Nothing is hidden.\n\n### Notes" in (tmp_path / "page.md").read_text()
    (tmp_path / "remarks.yaml").write_text("table4_small_legionary: {dynref: A slip}")
    assert main([str(out), "--page", str(tmp_path / "page.md")]) == 2
    assert (
        "error: remarks.yaml, table4_small_legionary: has no row 'dynref'; choose one of all, neural" in capsys.readouterr().err
    )


@pytest.mark.usefixtures("no_drawing")
def test_other_files_are_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "page.md").write_text("# My notes\n")
    with pytest.raises(InputError, match=r"page\.md: is not a page of experiments\.report"):
        update_page(tmp_path / "page.md", [Section("a", "A", "Text")])
    assert (tmp_path / "page.md").read_text() == "# My notes\n"
    assert main([str(tmp_path), "--page", str(tmp_path / "new.md")]) == 2
    assert "is not a folder of results" in capsys.readouterr().err
    results(tmp_path / "out", "legionary", {})
    assert main([str(tmp_path / "out"), "--page", str(tmp_path / "new.md")]) == 2
    assert "has no finished row" in capsys.readouterr().err and not (tmp_path / "new.md").exists()


def test_axes_have_some_labels_but_not_many() -> None:
    for span in np.geomspace(1, 1e4, 50):
        low = float(np.random.default_rng().uniform(1, 10))
        places = [m * 10.0**power for power in range(-1, 7) for m in tick_multiples(float(span))]
        assert 2 <= sum(low / 1.6 <= place <= low * span * 1.6 for place in places) <= 10, span


@pytest.mark.slow
def test_titles_of_pictures_do_not_meet(tmp_path: Path) -> None:
    """The names of all rows, above pictures of any shape."""
    width, height = (int(side) for side in np.random.default_rng().integers(30, 90, 2))
    Image.new("RGB", (width, height), (200, 100, 50)).save(tmp_path / "a.png")
    titles = list(dict.fromkeys(row.label for name in table_names() for row in read_table(name).rows))
    figure = picture_figure([(title, tmp_path / "a.png") for title in titles])
    FigureCanvasAgg(figure).draw()
    boxes = [axes.title.get_window_extent() for axes in figure.axes if axes.get_title()]
    pictures = [axes.get_window_extent() for axes in figure.axes if axes.get_title()]
    assert len(boxes) == len(titles) and len({round(box.height) for box in boxes}) > 1  # some have two lines
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert not any(title.shrunk(1, 0.9).overlaps(picture) for title in boxes for picture in pictures)


def test_any_sections_are_read_as_they_were_written(tmp_path: Path) -> None:
    rng = np.random.default_rng()
    words = ["| a | b |", "### Quality", "", "![x](images/y.png)", "- a: b", "<!-- other -->"]
    texts = ["\n".join(rng.choice(words, rng.integers(1, 9))).strip() for _ in range(4)]
    sections = [Section(f"table_{index}", f"Table {index}, measured on x", text) for index, text in enumerate(texts)]
    for section in sections:
        update_page(tmp_path / "page.md", [section])
    assert read_sections(tmp_path / "page.md") == sections
