"""Decoding and encoding sounds: samples stay at their times, and files beyond the limits are refused."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import av
import numpy as np
import pytest

from common.errors import InputError
from model.sound import decode
from model.sound.decode import RATE, Samples, decode_sound
from model.sound.encode import as_opus, audio_frames, encode_opus
from model.sound.stored import FORMATS, VideoSound, sound_beside, sound_file
from tests.fuzz.checksums import with_ogg_checksums
from tests.model.sound.sounds import click_times, clicks, wav_bytes

TIMES = (0.0, 0.25, 1.1)


def _sound(data: bytes, kind: str = ".opus") -> VideoSound:
    return VideoSound(f"a{kind}", lambda: data, kind)


def _encoded(samples: Samples, muxer: str, codec: str) -> bytes:
    stream = io.BytesIO()
    with av.open(stream, "w", format=muxer) as container:
        track: Any = container.add_stream(codec, rate=RATE, layout="stereo")
        for frame in audio_frames(av, samples):
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return stream.getvalue()


def test_opus_keeps_length_times_and_bytes() -> None:
    samples = clicks(1.37, TIMES)
    data = encode_opus(samples)
    assert data == encode_opus(samples), "the same samples give the same bytes"
    again = decode_sound(_sound(data))
    assert again.shape == samples.shape and again.dtype == np.int16
    np.testing.assert_allclose(click_times(again), TIMES, atol=0.003)


def test_left_and_right_stay_apart() -> None:
    time = np.arange(RATE) / RATE
    tone = (12000 * np.sin(2 * np.pi * 440 * time)).astype(np.int16)
    again = decode_sound(_sound(encode_opus(np.stack([tone, np.zeros_like(tone)], axis=1)))).astype(float)
    left, right = np.sqrt((again**2).mean(axis=0))
    assert left == pytest.approx(12000 / np.sqrt(2), rel=0.1) and right < left / 10


@pytest.mark.parametrize(("channels", "rate"), [(1, 22050), (2, 44100), (6, 48000), (2, 96000)])
def test_other_rates_and_channels_become_two_at_48_khz(channels: int, rate: int) -> None:
    samples = np.zeros((rate, channels), np.int16)
    samples[rate // 2 : rate // 2 + rate // 500] = 15000
    again = decode_sound(_sound(wav_bytes(samples, rate), ".wav"))
    assert again.shape == (RATE, 2)
    np.testing.assert_allclose(click_times(again), [0.5], atol=0.002)


@pytest.mark.parametrize(("suffix", "codec"), [(".flac", "flac"), (".m4a", "aac")])
def test_other_formats(suffix: str, codec: str) -> None:
    muxer = "mp4" if FORMATS[suffix] == "mov" else FORMATS[suffix]
    again = decode_sound(_sound(_encoded(clicks(1.5, TIMES), muxer, codec), suffix))
    np.testing.assert_allclose(click_times(again, 4000), TIMES, atol=0.02)


def test_only_the_needed_part_is_decoded() -> None:
    assert len(decode_sound(_sound(encode_opus(clicks(3, TIMES))), 1.25)) == 1.25 * RATE
    assert len(decode_sound(_sound(encode_opus(clicks(1, TIMES))), -2)) == 0


def test_a_damaged_part_leaves_the_rest_in_time() -> None:
    noise = np.random.default_rng(0).normal(0, 300, (6 * RATE, 2)).astype(np.int16)  # otherwise pages would be tiny
    data = encode_opus(clicks(6, (0.5, 5.5)) + noise)
    pages = [start for start in range(len(data)) if data[start : start + 4] == b"OggS"]
    middle = pages[len(pages) // 2] + 40
    damaged = data[:middle] + bytes(byte ^ 255 for byte in data[middle : middle + 200]) + data[middle + 200 :]
    again = decode_sound(_sound(damaged))
    assert not np.array_equal(again, decode_sound(_sound(data)))
    np.testing.assert_allclose(click_times(again), (0.5, 5.5), atol=0.01)


def _leaving_out(seconds: int) -> bytes:
    """Return a file of two pages with the same packets. The second says that it ends so many seconds after the first."""
    content = (Path(__file__).parents[2] / "fuzz/corpus/sound/clicks.opus").read_bytes()
    begins = content.rindex(b"OggS")
    head, first = content[:begins], bytearray(content[begins:])
    second = bytearray(first)
    first[6:14], second[6:14] = (3600 * RATE).to_bytes(8, "little"), ((3600 + seconds) * RATE).to_bytes(8, "little")
    second[18] += 1  # its number
    return with_ogg_checksums(bytes(head + first + second))


def test_times_that_leave_out_an_hour_take_no_memory_for_it() -> None:
    """The file has 1.5 KB."""
    with pytest.raises(InputError, match="leave out more than its bytes can hold"):
        decode_sound(_sound(_leaving_out(3600)))


def test_silence_for_a_part_that_was_left_out_is_not_longer_than_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is padded, so that it could hold two hours."""
    spy = Mock(side_effect=decode._silence)
    monkeypatch.setattr("model.sound.decode._silence", spy)
    assert len(decode_sound(_sound(_leaving_out(7200) + bytes(200_000)), seconds=2.0)) == 2 * RATE
    assert max(call.args[0] for call in spy.call_args_list) == 2 * RATE


@pytest.mark.parametrize(
    ("data", "kind", "fault"),
    [
        (b"", ".opus", "is damaged, or not a sound"),
        (b"OggS" + bytes(100), ".opus", "is damaged, or not a sound"),
        (wav_bytes(np.zeros((100, 2), np.int16)), ".opus", "is damaged, or not a sound"),
        (wav_bytes(np.zeros((0, 2), np.int16)), ".wav", "has no samples of sound|is damaged"),
        (wav_bytes(np.zeros((100, 9), np.int16)), ".wav", "has 9 channels; 1 to 8 are supported"),
        (wav_bytes(np.zeros((100, 1), np.int16), 4000), ".wav", "has 4000 samples per second; 8000 to 192000"),
        (b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n", ".wav", "is damaged, or not a sound"),
    ],
)
def test_wrong_files_are_refused(data: bytes, kind: str, fault: str) -> None:
    with pytest.raises(InputError, match=fault) as caught:
        decode_sound(_sound(data, kind))
    assert str(caught.value).startswith(f"a{kind}: ")


def test_bundles_may_only_have_opus() -> None:
    data = _encoded(clicks(0.1, ()), "ogg", "flac")
    with pytest.raises(InputError, match="has the codec flac"):
        decode_sound(_sound(data, ".opus"))
    assert len(decode_sound(_sound(data, ".ogg"))) == 4800


def test_a_sound_that_does_not_fit_into_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.sound.decode._MEMORY_CHECK", RATE // 2)
    monkeypatch.setattr("common.memory.available_memory", lambda: 1000)
    with pytest.raises(InputError, match="GB are available"):
        decode_sound(_sound(encode_opus(clicks(1, ()))))


def test_a_sound_beyond_the_limit_cannot_be_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decode, "MAX_SECONDS", 1.0)
    monkeypatch.setattr("model.sound.encode.MAX_SECONDS", 1.0)
    with pytest.raises(InputError, match="is longer than"):
        as_opus(_sound(wav_bytes(clicks(1.5, ())), ".wav"))


def test_opus_is_stored_as_it_is_and_others_are_encoded() -> None:
    data = encode_opus(clicks(1, TIMES), 64000)
    assert as_opus(_sound(data)).read() == data
    encoded = as_opus(_sound(wav_bytes(clicks(1.2, TIMES)), ".wav"))
    assert encoded.kind == ".opus" and encoded.read()[:4] == b"OggS"
    np.testing.assert_allclose(click_times(decode_sound(encoded)), TIMES, atol=0.003)


def test_the_file_next_to_a_bundle(tmp_path: Path) -> None:
    bundle = tmp_path / "a.b.mlpvid"
    assert sound_beside(bundle) is None
    (tmp_path / "a.b.wav").write_bytes(wav_bytes(clicks(0.5, ())))
    found = sound_beside(bundle)
    assert found is not None and (found.kind, found.offset) == (".wav", 0.0) and len(decode_sound(found)) == RATE // 2
    (tmp_path / "a.b.opus").write_bytes(encode_opus(clicks(0.25, ())))
    found = sound_beside(bundle)
    assert found is not None and len(decode_sound(found)) == RATE // 4, "Opus comes first"
    with pytest.raises(InputError, match="is not a sound file that can be read"):
        sound_file(tmp_path / "a.txt")


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.wav"
    with path.open("wb") as stream:
        stream.truncate((1 << 30) + 1)  # sparse: takes no space
    with pytest.raises(InputError, match="more than 1,073,741,824"):
        sound_file(path).read()


@pytest.mark.slow
def test_a_video_without_sound_needs_no_audio_library() -> None:
    command = "import sys; import model.bundle.info, viewer.app.files; assert 'av' not in sys.modules"
    subprocess.run([sys.executable, "-c", command], check=True, cwd=Path(__file__).parents[3])
