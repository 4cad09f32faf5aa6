"""What is installed, and what users type to install the rest or to start a command.

These differ between the folder of the repository and the installed package `mlpvid`, in which this module is
`mlpvid.common.installation` (build_backend.py rewrites the imports).
"""

from __future__ import annotations

import importlib.util

PACKAGE = "mlpvid"
"""Name of the installed package."""

INSTALLED = __name__.startswith(f"{PACKAGE}.")
"""Whether this is the installed package."""

_SHORT_NAMES = {"import_release": "import"}  # of training commands; the others have hyphens in place of underscores


def is_installed(name: str) -> bool:
    """Return whether a package can be imported, without loading it."""
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # its import is blocked
        return False


def pip_command(requirements: str, extra: str, installed: bool = INSTALLED) -> str:
    """Return the command that installs optional packages, in backquotes.

    Args:
        requirements: file of the repository that lists them, such as "requirements.txt".
        extra: name of the same packages in the installed package (pyproject.toml).
        installed: whether the command is for the installed package.
    """
    return f'`pip install "{PACKAGE}[{extra}]"`' if installed else f"`pip install -r {requirements}`"


def viewer_command(installed: bool = INSTALLED) -> str:
    """Return what starts the viewer."""
    return f"{PACKAGE} view" if installed else "python run_viewer.py"


def training_command(name: str, installed: bool = INSTALLED) -> str:
    """Return what starts a training command, such as "python -m training.make_capture" or "mlpvid make-capture".

    Args:
        name: the command's module in `training`.
        installed: whether the command is for the installed package.
    """
    return f"{PACKAGE} {_SHORT_NAMES.get(name, name).replace('_', '-')}" if installed else f"python -m training.{name}"
