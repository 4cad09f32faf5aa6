"""Drive the window and save the pictures of the viewer guide: python -m tests.viewer.driven.guide_pictures [FOLDER]

No display is needed. A picture shows the demo, rendered on the CPU. The folder is docs/images if none is given.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from common.atomic import atomic_write
from model.bundle.read import read_bundle
from renderer.select import create_renderer
from tests.viewer.conftest import open_document, use_null_platform, wait_for_image
from tests.viewer.engine import run_engine
from viewer import DEMO
from viewer.actions.table import BY_NAME
from viewer.app.app import ViewerApp
from viewer.window.window import Window

SIZE = (1280, 800)
"""Size of the window, pixels."""

FRAME = 20
"""Frame of the demo in the pictures."""

Step = Callable[[ViewerApp], None]


def run_action(app: ViewerApp, name: str) -> None:
    """Run an action of the menus."""
    BY_NAME[name].run(app)


def watch(app: ViewerApp) -> None:
    """Show the window as it opens, with its hints."""


def inspect(app: ViewerApp) -> None:
    """Show the inspector, the box and the ground grid."""
    app.settings.window.hints = ()
    run_action(app, "view.inspect")
    app.settings.view.show_box = app.settings.view.show_grid = True


def depth(app: ViewerApp) -> None:
    """Show the depth with its legend."""
    app.settings.view.show_box = False
    app.settings.view.show_grid = False
    run_action(app, "view.depth")


def direct(app: ViewerApp) -> None:
    """Show a camera path of keyframes."""
    run_action(app, "view.color")
    run_action(app, "view.direct")
    run_action(app, "path.spiral")
    app.settings.view.show_path = True
    document = open_document(app)
    document.camera.fit(*app.viewport.size)
    document.camera.dolly(-6.0)


def recording(app: ViewerApp) -> None:
    """Open the recording dialog."""
    app.window.dialogs.add("recording")


def palette(app: ViewerApp) -> None:
    """Open the command palette."""
    app.window.dialogs.discard("recording")
    run_action(app, "view.watch")
    open_document(app).camera.fit(*app.viewport.size)
    app.settings.view.show_path = False
    app.window.dialogs.add("palette")


PICTURES: dict[str, Step] = {
    "viewer": watch,
    "viewer_inspect": inspect,
    "viewer_depth": depth,
    "viewer_direct": direct,
    "viewer_recording": recording,
    "viewer_palette": palette,
}
"""The pictures in order; each step starts from what the one before it left."""


def open_demo() -> ViewerApp:
    """Return the state of a window that shows the demo. It is the same for every user: settings are the defaults."""
    app = ViewerApp(create_renderer("cpu", background=True))
    app.settings.playback.autoplay = False
    app.settings.rendering.dynamic_resolution = False
    app.settings.recording.folder = tempfile.gettempdir()
    app.documents.add(DEMO, read_bundle(DEMO)).playback.seek(FRAME)
    return app


def save(context: Any, path: Path) -> None:
    """Save what the window shows as a PNG without transparency."""
    from imgui_bundle.immapp import testing

    with atomic_write(path) as temporary:
        testing.capture(context, str(temporary))
        Image.open(temporary).convert("RGB").save(temporary, "PNG", optimize=True)


def take_pictures(context: Any, app: ViewerApp, folder: Path) -> None:
    """Take all steps in the window that shows an app, and save a picture after each.

    Args:
        context: drives the window.
        app: its state, with a video open.
        folder: where NAME.png is written.
    """
    from imgui_bundle import imgui

    for name, step in PICTURES.items():
        step(app)
        context.mouse_teleport_to_pos(imgui.ImVec2(SIZE[0] - 1, SIZE[1] - 1))  # the pointer does not hide anything there
        context.yield_(6)
        wait_for_image(context, app)
        context.yield_(6)
        save(context, folder / f"{name}.png")


def show_demo(folder: Path) -> None:
    """Open the window without a display and take the pictures of the demo."""
    from imgui_bundle import hello_imgui, imgui

    use_null_platform()
    app = open_demo()
    window = Window(app, SIZE, keep_layout=False, simulated=True)

    def take(context: Any) -> None:
        io = imgui.test_engine.get_io(hello_imgui.get_imgui_test_engine())
        io.config_watchdog_warning = io.config_watchdog_kill_test = 600.0  # a busy machine is not a fault
        context.yield_(5)
        take_pictures(context, app, folder)

    run_engine(window, take)
    app.close()


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Save the pictures of the viewer guide.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/images"))
    show_demo(parser.parse_args().folder)


if __name__ == "__main__":
    main()
