"""Measure how long the frames of the window take while the renderer works and while it is idle.

python -m tests.viewer.driven.pace_window --backend opengl

The window's thread never waits for the renderer's own (`tests/viewer/driven/test_opengl.py`). Here both share the cores.

Software OpenGL draws in the background, and a later frame has to wait for it. Here each frame waits until it is drawn, as it
would for a screen.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np

from renderer.select import BACKENDS, create_renderer
from tests.factories import make_video
from tests.viewer.engine import run_engine
from viewer.app.app import ViewerApp
from viewer.window.window import Window

FRAMES = 120
"""Frames of one measurement."""

GOAL = 33.0
"""Milliseconds that 95 % of the frames should not exceed on an otherwise idle machine."""


def frame_times(context: Any, app: ViewerApp, moving: bool) -> np.ndarray:
    """Return the milliseconds of each of `FRAMES` frames of the window, while the camera moves or while nothing moves."""
    times = []
    for _ in range(FRAMES):
        if moving and app.document is not None:
            app.document.camera.orbit(0.02, 0.0)
            app.redraw.record_motion()
        time.sleep(0.004)  # the rest of the screen's refresh, in which the renderer runs
        begin = time.perf_counter()
        context.yield_()
        times.append((time.perf_counter() - begin) * 1000)
    return np.array(times)


def wait_for_drawing(window: Window) -> None:
    """Make each frame wait until it is drawn, and draw the view again even if nothing changed."""
    draw = window.params.callbacks.before_swap

    def complete() -> None:
        draw()
        if window.view.presenter is not None:
            window.view.presenter.context.finish()
            window.view.presenter.changed_slot(0)

    window.params.callbacks.before_swap = complete


def main() -> None:
    """Run from the command line."""

    from tests.viewer.conftest import use_null_platform

    parser = argparse.ArgumentParser(description="Frame times of the window.")
    parser.add_argument("--backend", choices=list(BACKENDS), default="auto")
    options = parser.parse_args()
    use_null_platform()
    app = ViewerApp(create_renderer(options.backend, background=True))
    app.settings.playback.autoplay = app.settings.window.vsync = False
    app.documents.add(Path("random.mlpvid"), make_video(num_frames=12))
    window = Window(app, keep_layout=False, simulated=True)
    wait_for_drawing(window)
    found: dict[str, float] = {}

    def measure(context: Any) -> None:
        context.yield_(5)
        for name, scale in (("rendering", 1.0), ("idle", 0.1)):
            app.settings.rendering.render_scale = scale
            frame_times(context, app, name == "rendering")  # dynamic resolution settles
            found[name] = float(np.percentile(frame_times(context, app, name == "rendering"), 95))

    run_engine(window, measure)
    app.close()
    print(f"95 % of frames take at most {found['rendering']:.1f} ms while rendering, {found['idle']:.1f} ms while idle")
    if found["rendering"] > GOAL:
        raise SystemExit(f"more than {GOAL:g} ms")


if __name__ == "__main__":
    main()
