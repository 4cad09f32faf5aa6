"""Whether this machine may have a graphics card, without loading any graphics library."""

from __future__ import annotations

import sys
from pathlib import Path

CARD_FILES = ("dri/renderD*", "nvidia0", "dxg")
"""Device files below /dev that Linux has for graphics cards; the last one is that of Windows' own Linux."""


def may_have_card(devices: Path = Path("/dev")) -> bool:
    """Return False where there is certainly no graphics card, so that no driver has to be loaded to find out."""
    return not sys.platform.startswith("linux") or any(any(devices.glob(pattern)) for pattern in CARD_FILES)
