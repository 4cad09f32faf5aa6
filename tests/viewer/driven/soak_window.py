"""Send random input to the window for a given time: nothing may fail, and memory must not grow.

python -m tests.viewer.driven.soak_window --minutes 10 --seed 0 --backend opengl
"""

from __future__ import annotations

import argparse
import gc
import random
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil

from common.memory import return_free_memory
from model.placement import Placement
from renderer.select import BACKENDS, create_renderer
from tests.factories import make_video
from tests.viewer.engine import run_engine
from viewer.actions.table import ACTIONS
from viewer.app.app import ViewerApp
from viewer.app.faults import REPORT_IT
from viewer.window.keys import imgui_chord
from viewer.window.window import Window

SKIPPED = (
    "file.quit",
    "file.open_demo",
    "file.export_mesh",
    "file.export_points",
    "window.fullscreen",
)
"""Actions that end the test, load large files or take long."""

ALLOWED_GROWTH = 30.0
"""MiB that the process may grow by after its first quarter, when everything is closed again."""


class Monkey:
    """Presses keys, drags, scrolls, switches panels and runs actions at random.

    Args:
        app: the state to act on.
        window: its window, for the actions.
        size: width and height of the window.
        seed: seed of the random choices.
    """

    def __init__(self, app: ViewerApp, window: Window, size: tuple[int, int], seed: int) -> None:
        self.app, self.window, self.size, self.random = app, window, size, random.Random(seed)
        self.actions = [a for a in ACTIONS if a.name not in SKIPPED]
        self._to_run: list[str] = []
        self._run_in_the_window()

    def _run(self, name: str) -> None:
        self._to_run.append(name)

    def _run_in_the_window(self) -> None:
        # The test engine has a thread of its own, on which there is no OpenGL context. Actions need one.
        draw = self.window.params.callbacks.show_gui

        def run_and_draw() -> None:
            while self._to_run:
                self.window.actions.run(self._to_run.pop(0))
            draw()

        self.window.params.callbacks.show_gui = run_and_draw

    def act(self, context: Any) -> str:
        """Do one random thing and return its description."""
        kinds = ("key", "key", "action", "drag", "drag", "wheel", "panel", "click", "escape", "resize", "files", "compare")
        kind = self.random.choice((*kinds, "scene"))
        return str(getattr(self, kind)(context) or kind)

    def run_every_action(self, context: Any) -> None:
        """Run each action once, so that later ones find all libraries loaded."""
        for action in self.actions:
            if not action.held:
                self._run(action.name)
                context.yield_(2)
                self.escape(context)
                self.files(context)

    def key(self, context: Any) -> str:
        """Press the keys of an action."""
        action = self.random.choice([a for a in self.actions if a.keys])
        context.key_press(imgui_chord(self.random.choice(action.chords)))
        return f"key {action.name}"

    def action(self, context: Any) -> str:
        """Run an action."""
        action = self.random.choice([a for a in self.actions if not a.held])
        self._run(action.name)
        return action.name

    def drag(self, context: Any) -> None:
        """Drag between two random positions."""
        context.mouse_teleport_to_pos(self._place())
        button = self.random.choice((0, 0, 1, 2))
        context.mouse_down(button)
        for _ in range(3):
            context.mouse_teleport_to_pos(self._place())
            context.yield_()
        context.mouse_up(button)

    def wheel(self, context: Any) -> None:
        """Scroll."""
        context.mouse_teleport_to_pos(self._place())
        context.mouse_wheel_y(self.random.choice((-2.0, -1.0, 1.0, 2.0)))

    def panel(self, context: Any) -> None:
        """Bring a panel forward."""
        self.app.window.focus_panel(self.random.choice(self.app.window.panels))

    def click(self, context: Any) -> None:
        """Click somewhere."""
        context.mouse_teleport_to_pos(self._place())
        context.mouse_click(0)

    def files(self, context: Any) -> None:
        """Open a video when the last tab was closed, and another one sometimes; delete what was saved."""
        if len(self.app.documents.all) < self.random.choice((1, 1, 2)):
            seed = self.random.choice((1, 2, 3))
            self.app.documents.add(Path(f"video{seed}.mlpvid"), make_video(seed=seed, num_frames=12))
        for path in self.app.recording.folder.glob("*.*"):
            if self.app.recording.screen is None and not self.app.jobs.running:
                path.unlink(missing_ok=True)

    def compare(self, context: Any) -> None:
        """Compare with the same video by the same backend, or stop that."""
        if self.random.random() < 0.5:
            self.app.compare.set_source("again", self.app.rendering.renderer, self.app.documents.front_video, 1 << 24)
        else:
            self.app.compare.clear()

    def scene(self, context: Any) -> None:
        """Place, add, remove, hide or crop videos, and switch the shadow."""
        self.app.settings.view.show_shadow = self.random.random() < 0.3
        document, chance = self.app.document, self.random.random()
        if document is None:
            return
        videos, edits = document.placed, self.app.scenes
        place = Placement((self.random.uniform(3, 9), 0.0, 0.0), (0.0, 0.0, self.random.uniform(-180, 180)))
        if chance < 0.3 and len(videos) < 3:
            edits.arrange(document, (*videos, replace(videos[0], placement=place)), len(videos))
        elif chance < 0.6 and len(videos) > 1:
            edits.remove(document, self.random.randrange(len(videos)))
        elif chance < 0.8:
            edits.change(document, replace(videos[document.selected_video], placement=place, visible=chance < 0.75))
        else:
            edits.change(document, replace(videos[document.selected_video], crop=((-1.0, -1.0, 0.0), (1.0, 1.0, 2 * chance))))

    def escape(self, context: Any) -> None:
        """Close what is open."""
        from imgui_bundle import imgui

        context.key_press(imgui.Key.escape)
        self.app.window.dialogs.clear()
        self.app.messages.errors.clear()
        self.app.window.full_screen = False
        self.app.window.requests.clear()  # one of the actions may have closed the window

    def resize(self, context: Any) -> None:
        """Change size, theme or scale of the interface."""
        self.app.settings.window.theme = self.random.choice(("dark", "light", "high contrast"))
        self.app.settings.window.ui_scale = self.random.choice((0.75, 1.0, 1.0, 1.25))
        self.app.settings.rendering.render_scale = self.random.choice((0.1, 0.2))

    def _place(self) -> tuple[float, float]:
        # Not the menu bar: its items write files and end the program.
        width, height = self.size
        return self.random.uniform(2, width - 2), self.random.uniform(40, height - 2)


def finish_frames(window: Window) -> None:
    """Let OpenGL complete every frame, as a screen does. Otherwise memory grows by a megabyte per frame."""
    draw = window.params.callbacks.before_swap

    def complete() -> None:
        draw()
        if window.view.presenter is not None:
            window.view.presenter.context.finish()

    window.params.callbacks.before_swap = complete


def cached_mebibytes(app: ViewerApp) -> float:
    """Return the size of all cached frames. They have a budget, which they fill as the input happens to play the videos."""
    renderers = [document.view_renderer for document in app.documents.all]
    renderers += [app.compare.view_renderer] if app.compare.view_renderer is not None else []
    return sum(renderer.cache.nbytes for renderer in renderers) / (1 << 20)


def growth_of(memory: list[float]) -> float:
    """Return by how many MiB the peak of the second half exceeds that of the first, without the first quarter."""
    settled = memory[len(memory) // 4 :]
    half = len(settled) // 2
    return max(settled[half:]) - max(settled[:half]) if half else 0.0


class Soak:
    """Sends random input to a window, and measures the memory of the process.

    Args:
        seed: seed of the random choices.
        backend: renders the videos.
        inputs_per_round: after so many inputs everything is closed, and two videos are opened again.
        size: width and height of the window.
        measure_open: whether to measure what the process needs while videos are open.
    """

    def __init__(
        self,
        seed: int,
        backend: str = "auto",
        inputs_per_round: int = 50,
        size: tuple[int, int] = (1280, 800),
        measure_open: bool = True,
    ) -> None:
        from tests.viewer.conftest import use_null_platform

        use_null_platform()
        self.app = ViewerApp(create_renderer(backend, background=True))
        self.app.rendering.backend = backend
        self.app.settings.rendering.cache_mebibytes = 64
        self.app.settings.rendering.render_scale = 0.1
        self.window = Window(self.app, size, keep_layout=False, simulated=True)
        finish_frames(self.window)
        self.monkey = Monkey(self.app, self.window, size, seed)
        self.inputs_per_round, self.measure_open = inputs_per_round, measure_open
        self.count = 0
        """Inputs so far."""
        self.open_memory: list[float] = []
        """MiB of the process without cached frames, after each twenty inputs. Depends on what happens to be open."""
        self.closed_memory: list[float] = []
        """MiB of the process after each round, when everything is closed. It must not grow."""

    def run(self, inputs: int, seconds: float = 0.0, every_action: bool = False) -> None:
        """Send random input, at least `inputs` times and for at least `seconds`, before which every action may be run once.

        Raises:
            Exception: any error in the window.
        """
        from imgui_bundle import hello_imgui, imgui

        def play(context: Any) -> None:
            io = imgui.test_engine.get_io(hello_imgui.get_imgui_test_engine())
            io.config_watchdog_warning = io.config_watchdog_kill_test = 1e9
            self._open()
            if every_action:
                self.monkey.run_every_action(context)
            end = time.monotonic() + seconds
            while self.count < inputs or time.monotonic() < end:
                self._act(context)
                if self.measure_open and self.count % 20 == 0:
                    self.open_memory.append(self._memory())
                if self.count % self.inputs_per_round == 0:
                    self._close_everything(context)
                    self.closed_memory.append(self._memory())
                    self._open()

        with tempfile.TemporaryDirectory() as folder:
            self.app.settings.recording.folder = folder
            try:
                run_engine(self.window, play)
            finally:
                self.app.close()

    def _act(self, context: Any) -> None:
        self.monkey.act(context)
        self.count += 1
        context.yield_(2)
        fault = next((fault for fault in self.app.messages.errors if fault.advice == REPORT_IT), None)
        assert fault is None, fault
        time.sleep(0.002)

    def _open(self) -> None:
        for seed in (1, 2):
            self.app.documents.add(Path(f"video{seed}.mlpvid"), make_video(seed=seed, num_frames=12))

    def _close_everything(self, context: Any) -> None:
        self.monkey.escape(context)
        self.app.recording.stop()
        self.app.compare.clear()
        while self.app.documents.all:
            self.app.documents.close(0)
        while self.app.jobs.running:
            time.sleep(0.02)
            context.yield_(1)
        context.yield_(10)  # the thread of OpenGL releases what was closed

    def _memory(self) -> float:
        gc.collect()  # Python and the C library keep some memory for later; it is not lost
        return_free_memory()
        return psutil.Process().memory_info().rss / 2**20 - cached_mebibytes(self.app)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Random input into the window.")
    parser.add_argument("--minutes", type=float, default=10.0, help="run at least this long")
    parser.add_argument("--inputs", type=int, default=0, help="and send at least so many inputs")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--backend", choices=list(BACKENDS), default="auto")
    options = parser.parse_args()
    soak = Soak(options.seed, options.backend)
    soak.run(options.inputs, options.minutes * 60, every_action=True)
    growth, tenth = growth_of(soak.closed_memory), max(1, len(soak.open_memory) // 10)
    peaks = [max(soak.open_memory[first : first + tenth]) for first in range(0, len(soak.open_memory), tenth)]
    print(f"{soak.count} random inputs; with everything closed, memory grew by {growth:.1f} MiB")
    print("with everything closed, MiB:", *(f"{value:.0f}" for value in soak.closed_memory))
    print("peak of each tenth, MiB:", *(f"{value:.0f}" for value in peaks))
    if growth > ALLOWED_GROWTH:
        raise SystemExit(f"memory grew by more than {ALLOWED_GROWTH:g} MiB")


if __name__ == "__main__":
    main()
