"""The system's sound device, through PortAudio."""

from __future__ import annotations

import time
from typing import Any

from common.errors import InputError
from model.sound.decode import CHANNELS, RATE
from viewer.sound.output import Fill

_SUBJECT = "the sound"


class SoundDevice:
    """The default output device. Implements `viewer.sound.output.AudioOutput`; see there."""

    def __init__(self) -> None:
        self._stream: Any = None
        self._written = 0
        self._block: tuple[int, float] | None = None  # first sample of the last block, and the time at which it is heard

    def start(self, fill: Fill) -> None:
        """Open the device and begin to ask for samples."""
        sounddevice = _load()

        def callback(samples: Any, count: int, times: Any, status: object) -> None:
            # Some systems do not tell when a block is heard; then the latency that they stated is the best guess.
            known = times.outputBufferDacTime > times.currentTime > 0
            delay = times.outputBufferDacTime - times.currentTime if known else float(self._stream.latency)
            self._block = self._written, time.monotonic() + delay
            fill(samples, delay)
            self._written += count

        self._written, self._block = 0, None
        try:
            self._stream = sounddevice.OutputStream(samplerate=RATE, channels=CHANNELS, dtype="int16", callback=callback)
            self._stream.start()
        except (sounddevice.PortAudioError, OSError, ValueError) as error:
            self.stop()
            raise InputError(_SUBJECT, f"cannot be played: {_reason(error)}", "check the system's sound settings") from error

    def stop(self) -> None:
        """Close the device."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close(ignore_errors=True)

    @property
    def heard(self) -> float:
        """Number of samples that have been heard since `start`."""
        block = self._block
        if block is None:
            return -1.0
        first, begins = block
        return min(first + (time.monotonic() - begins) * RATE, float(self._written))


def _load() -> Any:
    try:
        import sounddevice  # noqa: PLC0415 - videos without sound do not need it
    except ImportError as error:
        raise InputError(_SUBJECT, "cannot be played without the package sounddevice", "pip install sounddevice") from error
    except OSError as error:  # its own message for a missing PortAudio
        remedy = "install it, for example with `apt install libportaudio2`"
        raise InputError(_SUBJECT, "cannot be played without the library PortAudio", remedy) from error
    return sounddevice


def _reason(error: Exception) -> str:
    return str(error.args[0]) if error.args else type(error).__name__
