"""The sound of the video in front: decoded in the background, and played in step with the picture."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from common.errors import InputError
from model.sound.decode import Samples, decode_sound
from model.sound.stored import VideoSound
from viewer.app.document import Document
from viewer.app.messages import Messages
from viewer.settings import PlaybackSettings
from viewer.sound.clock import SoundClock, is_audible
from viewer.sound.output import AudioOutput
from viewer.sound.player import DecodedSound, SoundPlayer
from viewer.sound.waveform import Peaks, block_peaks, column_peaks
from viewer.work.latest_task import LatestTask

IDLE_SECONDS = 10.0
"""The device is closed after this many seconds of silence, so that the computer can save power."""

SILENT = "The video plays without sound"

QUIET = 0.02
"""Peak of a sound below which its waveform is drawn lower than the track."""

_Read = Callable[[], bytes]


@dataclass(frozen=True, eq=False)
class _Decoded:
    seconds: float  # from the beginning of the sound, as far as it was decoded
    samples: Samples | None  # None if that failed
    peaks: Peaks


class Sound:
    """Advances the clock of the front document, and plays its sound unless it is muted.

    Nothing here waits: sounds are decoded and the device is opened on other threads. Until they are ready, and if they cannot
    be, the video plays by the ordinary clock, and the status bar says why.

    Args:
        settings: have mute and volume.
        messages: show what is wrong.
        wake: called from other threads when something is ready.
        output: the device.
    """

    def __init__(self, settings: PlaybackSettings, messages: Messages, wake: Callable[[], None], output: AudioOutput) -> None:
        self._settings, self._messages = settings, messages
        self._player = SoundPlayer(output)
        self._clock = SoundClock(self._player)
        self._decoding: LatestTask[tuple[_Read, float], _Decoded | InputError] = LatestTask("sound", wake)
        self._switching: LatestTask[str, InputError | None] = LatestTask("sound device", wake)
        self._device: Literal["closed", "open", "failed"] = "closed"
        self._used = 0.0
        # By the function that reads a sound: those of rearranged scenes are the same sound at another time.
        self._decoded: weakref.WeakKeyDictionary[_Read, _Decoded] = weakref.WeakKeyDictionary()
        self._ready: weakref.WeakKeyDictionary[VideoSound, tuple[_Decoded, DecodedSound]] = weakref.WeakKeyDictionary()
        self._columns: tuple[tuple[object, ...], Peaks] | None = None

    def advance(self, document: Document, seconds: float) -> None:
        """Advance the document's clock by real time; what is heard leads it."""
        self._take_outcomes()
        clock, sound = document.playback, self.of(document)
        wanted = sound is not None and is_audible(clock) and not self._settings.muted
        self._switch_device(wanted)
        self._player.volume = self._settings.volume
        self._clock.advance(clock, seconds, sound if wanted and self._device == "open" else None)

    def silence(self) -> None:
        """Play nothing, because no document is open."""
        self._take_outcomes()
        self._columns = None
        self._clock.silence()
        self._switch_device(False)

    def of(self, document: Document) -> DecodedSound | None:
        """Return the decoded sound of a document; None if it has none, or it is not ready. Starts to decode it."""
        sound = document.video.metadata.sound
        if sound is None:
            return None
        needed = document.video.duration - sound.offset
        decoded = self._decoded.get(sound.read)
        if decoded is None or decoded.seconds < needed - 1e-6:
            self._decode(sound, needed)
        if decoded is None or decoded.samples is None:
            return None
        if self._ready.get(sound, (None, None))[0] is not decoded:
            self._ready[sound] = decoded, DecodedSound(decoded.samples, sound.offset, decoded.peaks)
        return self._ready[sound][1]

    def columns(self, document: Document, count: int) -> Peaks | None:
        """Return the loudness of the document's sound from the first to the last frame; None if there is no sound (yet).

        Args:
            document: the document.
            count: number of columns.

        Returns:
            (count,) 0 to 1, relative to the loudest moment, but not for a sound that is hardly audible.
        """
        sound = self.of(document)
        if sound is None:
            self._columns = None
            return None
        clock = document.playback
        key = sound, clock.num_frames, clock.fps, count
        if self._columns is None or self._columns[0] != key:
            peaks = column_peaks(sound.peaks, sound.offset, 0.0, max(1, clock.num_frames - 1) / clock.fps, count)
            loudest = max(float(sound.peaks.max(initial=0)), QUIET)
            self._columns = key, peaks / np.float32(loudest)
        return self._columns[1]

    def try_again(self) -> None:
        """Open the device at the next opportunity, even if that failed before."""
        if self._device == "failed":
            self._device = "closed"

    def close(self) -> None:
        """Close the device and end the threads."""
        self._decoding.close(wait=False)
        self._switching.close()
        self._player.output.stop()

    def _decode(self, sound: VideoSound, seconds: float) -> None:
        def work() -> _Decoded | InputError:
            try:
                samples = decode_sound(sound, seconds)
            except InputError as error:
                return error
            return _Decoded(seconds, samples, block_peaks(samples))

        self._decoding.submit((sound.read, seconds), work)

    def _take_outcomes(self) -> None:
        decoded = self._decoding.poll()
        if decoded is not None:
            (read, seconds), outcome = decoded
            if isinstance(outcome, InputError):
                self._messages.set_status(f"{outcome}. {SILENT}")
                outcome = _Decoded(seconds, None, np.zeros(0, np.float32))
            self._decoded[read] = outcome
        switched = self._switching.poll()
        if switched is not None and switched[0] == "open":
            fault = switched[1]
            self._device, self._used = "open" if fault is None else "failed", time.monotonic()
            if fault is not None:
                self._messages.set_status(f"{fault}. {SILENT}")

    def _switch_device(self, wanted: bool) -> None:
        """Open the device when it is needed, and close it when it has not been needed for a while."""
        if self._switching.busy:
            return
        if wanted:
            self._used = time.monotonic()
            if self._device == "closed":
                self._switching.submit("open", self._open)
        elif self._device == "open" and time.monotonic() - self._used > IDLE_SECONDS:
            self._device = "closed"
            self._switching.submit("close", self._stop)

    def _open(self) -> InputError | None:
        self._player.reset()
        try:
            self._player.output.start(self._player.fill)
        except InputError as error:
            return error
        return None

    def _stop(self) -> None:
        self._player.output.stop()
