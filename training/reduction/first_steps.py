"""Find the steps to which a run with a rate term rounds its parameters, from the video that it begins with."""

from __future__ import annotations

from pathlib import Path

from common.errors import InputError
from common.progress import progress_display
from model.bundle.coded_write import Steps
from model.bundle.info import read_bundle
from renderer.select import create_renderer
from training.loop.assemble import assemble_run
from training.reduction.search import StepSearch


def first_steps(source: Path, psnr: float) -> Steps:
    """Return the steps at which the rounded pictures of a video have a PSNR to its own.

    Args:
        source: folder of a run, or a bundle.
        psnr: dB.

    Returns:
        By tensor. Groups of numbers that are all zero get the largest step of all, because training may change them.

    Raises:
        InputError: it is damaged, shows nothing, or its video has another method.
    """
    video = read_bundle(source) if source.is_file() else assemble_run(source)
    if video.config.method is not None:
        raise InputError(source, "is a video of another method, which cannot be rounded")
    if not video.occupancy.any():
        raise InputError(source, "shows nothing: no cell of any frame is occupied", "train it longer first")
    with progress_display("measuring how much each part matters") as show:
        search = StepSearch(video, create_renderer("auto"), show)
    scale = search.for_psnr(psnr)
    steps: dict[str, tuple[float, ...]] = {}
    largest = max(search.steps(scale))
    for group, step in zip(search.groups, search.steps(scale), strict=True):
        steps[group.name] = (*steps.get(group.name, ()), step if group.values.largest else largest)
    return steps
