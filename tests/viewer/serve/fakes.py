"""What viser gives for a browser, without one: controls that remember their values, and that tests use as visitors would."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import viser.transforms

from model.camera import Camera


class FakeControl:
    """A control with its properties.

    Args:
        kind: name of viser's method that adds it.
        label: its label.
        value: its first value.
        properties: everything else.
    """

    def __init__(self, kind: str, label: str, value: Any, **properties: Any) -> None:
        self.kind, self.label, self.value = kind, label, value
        self.visible = self.disabled = False
        self.icon = self.content = None
        self.__dict__.update(properties)
        self._callbacks: list[Any] = []

    def on_update(self, callback: Any) -> None:
        self._callbacks.append(callback)

    on_click = on_update

    def use(self, value: Any = True) -> None:
        """Change the value, or click."""
        self.value = value
        for callback in self._callbacks:
            asyncio.run(callback(SimpleNamespace(client=self, target=self)))


class FakeGui:
    """The panel with the controls, by label."""

    def __init__(self) -> None:
        self.controls: dict[str, FakeControl] = {}

    def reset(self) -> None:
        self.controls.clear()

    @contextlib.contextmanager
    def add_folder(self, label: str, **_: Any) -> Iterator[None]:
        yield

    def __getattr__(self, kind: str) -> Any:
        def add(label: Any = "", *values: Any, **properties: Any) -> FakeControl:
            choices: Any = values[-1] if values else None
            first = choices[0] if kind in ("add_dropdown", "add_button_group") else choices
            value = properties.pop("initial_value", first)
            self.controls[str(label)] = FakeControl(kind, str(label), value, **properties)
            return self.controls[str(label)]

        return add


class FakeClient:
    """A browser with a canvas of some pixels."""

    def __init__(self, width: int = 64, height: int = 48) -> None:
        self.client_id = 0
        self.gui = FakeGui()
        self.camera = FakeCamera(width, height)
        self.scene = self
        self.images: list[tuple[np.ndarray, int]] = []
        self.notifications: list[tuple[str, str]] = []
        self.downloads: list[tuple[str, bytes]] = []

    def set_background_image(self, image: np.ndarray, kind: str, jpeg_quality: int) -> None:
        assert kind == "jpeg" and image.dtype == np.uint8
        self.images.append((image, jpeg_quality))

    def add_notification(self, title: str, body: str, **_: Any) -> None:
        self.notifications.append((title, body))

    def send_file_download(self, name: str, content: bytes, save_immediately: bool) -> None:
        self.downloads.append((name, content))

    def flush(self) -> None:
        pass

    def atomic(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


class FakeCamera:
    """A browser's camera. It looks from `position` at `look_at`, as browsers do."""

    def __init__(self, width: int, height: int) -> None:
        self.image_width, self.image_height = width, height
        self.position, self.look_at, self.up_direction = np.array([3.0, 3, 3]), np.zeros(3), np.array([0.0, 0, 1])
        self.fov = 1.0
        self._callbacks: list[Any] = []

    @property
    def wxyz(self) -> Any:
        forward = self.look_at - self.position
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, self.up_direction)
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(forward, right), forward], axis=1)
        return viser.transforms.SO3.from_matrix(rotation).wxyz

    def on_update(self, callback: Any) -> None:
        self._callbacks.append(callback)

    def report(self) -> None:
        """Send the view to the server."""
        for callback in self._callbacks:
            asyncio.run(callback(self))


class FakeViser:
    """A server with browsers that come and go."""

    def __init__(self) -> None:
        self.clients: dict[int, FakeClient] = {}
        self.gui = self.scene = self
        self.up: tuple[float, ...] = ()
        self.stopped = False

    def get_clients(self) -> dict[int, FakeClient]:
        return dict(self.clients)

    def configure_theme(self, **_: Any) -> None:
        pass

    def set_up_direction(self, up: tuple[float, ...]) -> None:
        self.up = up

    def stop(self) -> None:
        self.stopped = True


def sees(camera: Camera, point: np.ndarray) -> bool:
    """Return whether a point is in a camera's image."""
    (pixel,), (depth,) = camera.project([point])
    return bool(depth > 0 and (pixel >= 0).all() and (pixel <= (camera.width, camera.height)).all())
