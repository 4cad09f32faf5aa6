"""The system's sound device, with a library that only pretends to play."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from common.errors import InputError
from model.sound.decode import RATE
from viewer.sound import device
from viewer.sound.device import SoundDevice


class PortAudioError(Exception):
    """The library's error."""


class Library:
    """Stands in for the module `sounddevice`."""

    PortAudioError = PortAudioError

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault, self.closed, self.now = fault, 0, 50.0

    def OutputStream(self, **options: Any) -> Any:
        """Return a stream; `play` runs its callback."""
        assert (options["samplerate"], options["channels"], options["dtype"]) == (RATE, 2, "int16")
        self.callback = options["callback"]
        return SimpleNamespace(start=self._start, close=self._close, latency=0.3)

    def _start(self) -> None:
        if self.fault is not None:
            raise self.fault

    def _close(self, ignore_errors: bool) -> None:
        assert ignore_errors
        self.closed += 1

    def play(self, count: int, delay: float | None) -> np.ndarray:
        """Ask for samples that are heard after a delay; None: the system does not know it."""
        samples = np.zeros((count, 2), np.int16)
        dac = 0.0 if delay is None else 7.0 + delay
        self.callback(samples, count, SimpleNamespace(currentTime=7.0, outputBufferDacTime=dac), None)
        return samples


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    """Return the library, with a clock that stands still."""
    made = Library()
    monkeypatch.setitem(sys.modules, "sounddevice", made)
    monkeypatch.setattr(device, "time", SimpleNamespace(monotonic=lambda: made.now))
    return made


def test_what_is_heard_follows_the_clock_of_the_device(library: Library) -> None:
    sound, delays = SoundDevice(), list[float]()

    def fill(samples: np.ndarray, delay: float) -> None:
        samples[...] = 5
        delays.append(delay)

    sound.start(fill)
    assert sound.heard < 0
    assert (library.play(480, 0.1) == 5).all()
    assert sound.heard == pytest.approx(-0.1 * RATE)
    library.now += 0.105
    assert sound.heard == pytest.approx(0.005 * RATE)
    library.now += 10.0
    assert sound.heard == 480, "no more than it was given"
    library.play(960, 0.05)
    library.now += 0.06
    assert sound.heard == pytest.approx(480 + 0.01 * RATE)
    library.play(960, None)  # then the latency of the stream counts
    assert delays == pytest.approx([0.1, 0.05, 0.3])
    sound.stop()
    sound.stop()
    assert library.closed == 1


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (PortAudioError("Error querying device -1"), "cannot be played: Error querying device -1; check the system's sound"),
        (ValueError("no such rate"), "cannot be played: no such rate"),
    ],
)
def test_a_device_that_cannot_play_is_one_line(library: Library, fault: Exception, text: str) -> None:
    library.fault = fault
    with pytest.raises(InputError, match=text):
        SoundDevice().start(lambda samples, delay: None)
    assert library.closed == 1


def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(InputError, match="pip install sounddevice"):
        SoundDevice().start(lambda samples, delay: None)

    class Finder:
        """Makes the import fail as it does without PortAudio."""

        def find_spec(self, name: str, *_: object) -> None:
            """Fail for the module."""
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice")
    monkeypatch.setattr(sys, "meta_path", [Finder(), *sys.meta_path])
    with pytest.raises(InputError, match="apt install libportaudio2"):
        SoundDevice().start(lambda samples, delay: None)
