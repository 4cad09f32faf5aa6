"""`python -m training COMMAND`: run one of the training commands."""

from __future__ import annotations

import sys

from common.interrupts import leave
from training import evaluate, export, import_release, inspect, make_capture, masks, train, train_segments

COMMANDS = {
    "inspect": (inspect.main, "check a capture before training"),
    "train": (train.main, "train a model from a capture"),
    "train_segments": (train_segments.main, "train a long capture segment by segment"),
    "export": (export.main, "write a training run as a bundle, join bundles, or add a sound"),
    "evaluate": (evaluate.main, "compare a run or a bundle with a capture's images"),
    "import_release": (import_release.main, "convert a checkpoint of the paper's authors"),
    "masks": (masks.main, "make the masks of a capture"),
    "make_capture": (make_capture.main, "make a capture of a procedural scene"),
}
"""Name of each command, its main function and one line of help."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command named by the first argument with the remaining arguments, and return its exit status."""
    name, *rest = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in COMMANDS:
        return COMMANDS[name][0](rest)
    usage = "usage: python -m training COMMAND [...]\n\n" + "".join(f"  {n:<16}{text}\n" for n, (_, text) in COMMANDS.items())
    if name in ("-h", "--help"):
        print(usage, end="")
        return 0
    print(f"error: {name!r} is not a command; choose one of {', '.join(COMMANDS)}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    leave(main())
