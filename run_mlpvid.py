"""The command `mlpvid` of the installed package: everything under one name, `mlpvid COMMAND ...`."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__" and not __package__:  # `python -I` and `python -P` do not search the folder of the program
    sys.path.insert(0, str(Path(__file__).resolve().parent))

from common.command_line import called_as, print_text
from common.interrupts import exit_on_interrupt, leave

_PARENT = f"{__package__}." if __package__ else ""
"""Empty in a source folder, "mlpvid." in the installed package."""


@dataclass(frozen=True)
class Command:
    """A command of `mlpvid`."""

    module: str
    """The module with its `main`, which takes the arguments and returns the exit status."""
    help: str
    """One line about it."""
    option: str = ""
    """The viewer's option that stands for it."""
    values: int = 0
    """How many values the option takes, 0 or 1; it follows the bundle."""

    @property
    def texts(self) -> dict[str, str]:
        """Usage and description of a command that the viewer has as an option; the other modules have their own."""
        usage = f"%(prog)s [BUNDLE]{' OUT' * self.values} [options]"
        return {"usage": usage, "description": f"{self.help[0].upper()}{self.help[1:]}."} if self.option else {}


COMMANDS = {
    "view": Command("viewer.cli", "open the viewer: mlpvid view [BUNDLE|RUN]"),
    "render": Command("viewer.cli", "write one image: mlpvid render BUNDLE OUT.png|OUT.npz", "--render", 1),
    "record": Command("viewer.cli", "write a video, or images: mlpvid record BUNDLE OUT.mp4|OUT.webm|FOLDER", "--record", 1),
    "mesh": Command(
        "viewer.cli", "write the surface of frames: mlpvid mesh BUNDLE OUT.glb|OUT.ply|OUT.usdc --frames A:B", "--mesh", 1
    ),
    "export-path": Command(
        "viewer.cli",
        "write a camera path for Blender or nerfstudio: mlpvid export-path BUNDLE OUT.glb|OUT.json",
        "--export-path",
        1,
    ),
    "info": Command("viewer.cli", "describe a bundle: mlpvid info BUNDLE", "--info"),
    "verify": Command("viewer.cli", "compare a bundle with its checksums: mlpvid verify BUNDLE", "--verify"),
    "serve": Command("viewer.cli", "show a video in browsers: mlpvid serve BUNDLE", "--serve"),
    "benchmark": Command("viewer.cli", "measure rendering: mlpvid benchmark BUNDLE", "--benchmark"),
    "selftest": Command("viewer.cli", "test the backends of this machine", "--selftest"),
    "inspect": Command("training.inspect", "check a capture before training"),
    "train": Command("training.train", "train a model from a capture"),
    "train-segments": Command("training.train_segments", "train a long capture segment by segment"),
    "export": Command("training.export", "write a training run as a bundle, join bundles, or add a sound"),
    "evaluate": Command("training.evaluate", "compare a run or a bundle with a capture's images"),
    "import": Command("training.import_release", "convert a checkpoint of the paper's authors"),
    "masks": Command("training.masks", "make the masks of a capture"),
    "make-capture": Command("training.make_capture", "make a capture of a procedural scene"),
}
"""The commands by name."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status.

    A first argument that names no command is taken for a bundle to view.

    Args:
        arguments: of the command line, without the program's name.
    """
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or ["view"]
    if name in ("-h", "--help"):
        commands = "".join(f"  {key:<16}{c.help}\n" for key, c in COMMANDS.items())
        return print_text(f"usage: mlpvid COMMAND ...\n\n{commands}\nmlpvid COMMAND --help lists the options of a command.\n")
    if name == "--version":
        from viewer import PROGRAM, __version__  # noqa: PLC0415

        return print_text(f"{PROGRAM} {__version__}\n")
    if name not in COMMANDS:
        name, rest = "view", [name, *rest]
    command = COMMANDS[name]
    try:
        run = importlib.import_module(_PARENT + command.module).main
    except ModuleNotFoundError as error:
        if error.name is None or not command.module.startswith("training"):
            raise
        print(f'error: {name}: needs the package {error.name}; `pip install "mlpvid[train]"` installs it', file=sys.stderr)
        return 2
    with called_as(f"mlpvid {name}", **command.texts):
        return int(run(viewer_arguments(command, rest)))


def viewer_arguments(command: Command, rest: list[str]) -> list[str]:
    """Return the arguments that the command's module expects: `render BUNDLE OUT` becomes `BUNDLE --render OUT`.

    Options may stand before, between and after the bundle and the output.
    """
    if not command.values:
        return [command.option, *rest] if command.option else rest
    from viewer.cli import make_parser  # noqa: PLC0415 - other commands do not need it

    # The parser takes the first place for the bundle and returns the others; errors and --help end here.
    parser = make_parser()
    _, others = parser.parse_known_args(["BUNDLE", *rest])
    places = [text for text in others if not text.startswith("-")]
    if not places:
        parser.error("OUT is missing")
    at = len(rest) - 1 - rest[::-1].index(places[-1])
    return [*rest[:at], command.option, *rest[at:]]


def script() -> None:
    """Run the command of this process and end it."""
    exit_on_interrupt()
    leave(main())


if __name__ == "__main__":
    script()
