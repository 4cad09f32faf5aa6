"""The steps of the viewer guide's pictures work, and their pictures differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.viewer.conftest import DriveWindow, open_document
from tests.viewer.driven.guide_pictures import PICTURES, SIZE, take_pictures
from viewer.app.app import ViewerApp


@pytest.mark.slow
def test_the_pictures_of_the_guide(app: ViewerApp, drive: DriveWindow, tmp_path: Path) -> None:
    def look(context: Any) -> None:
        take_pictures(context, app, tmp_path)
        assert not app.messages.errors and app.window.dialogs == {"palette"}
        assert len(open_document(app).camera_path) > 10

    drive(app, look, size=SIZE)
    contents = set()
    for name in PICTURES:
        with Image.open(tmp_path / f"{name}.png") as image:
            assert (image.size, image.mode) == (SIZE, "RGB")
            contents.add(image.tobytes())
    assert len(contents) == len(PICTURES) == len(list(tmp_path.iterdir()))
