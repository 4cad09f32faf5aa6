"""Find out whether this machine may have a graphics card, without loading a graphics library."""

from __future__ import annotations

import sys
from pathlib import Path

CARD_FILES = ("dri/renderD*", "nvidia0", "dxg")
"""Device files of graphics cards below /dev on Linux. The last one is that of WSL on Windows."""


def may_have_card(devices: Path = Path("/dev")) -> bool:
    """Return whether there may be a graphics card. If not, no driver has to be loaded to look for one."""
    return not sys.platform.startswith("linux") or any(any(devices.glob(pattern)) for pattern in CARD_FILES)
