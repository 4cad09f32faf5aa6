"""Decoding uses the requested number of CPU threads and does not change the threads of other work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
import torch

from model.decoder import MapDecoder
from renderer.reference.renderer import ReferenceRenderer
from renderer.threads import torch_threads
from tests.factories import make_camera, make_video
from tests.waiting import TIMEOUT


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """Make PyTorch use two threads on any machine."""
    with torch_threads(2):
        yield


def seen_during(monkeypatch: pytest.MonkeyPatch, owner: type, method: str) -> list[tuple[str, int]]:
    """Return a list that grows with the thread's name and PyTorch's number of threads at each call of a method."""
    seen: list[tuple[str, int]] = []
    original: Callable[..., object] = getattr(owner, method)

    def spy(*arguments: object, **options: object) -> object:
        seen.append((threading.current_thread().name, torch.get_num_threads()))
        return original(*arguments, **options)

    monkeypatch.setattr(owner, method, spy)
    return seen


def test_numbers_of_threads_decode_alike() -> None:
    pytest.importorskip("mlpvid_kernels")
    from renderer.decode import FastDecoder

    video = make_video(seed=1, assignment="bilinear")
    decoder, decoded = FastDecoder(video), []
    for count in (1, 2, 7):  # 7 makes oneDNN add in another order
        with torch_threads(count):
            decoded.append(decoder(video.latent(0.5)))
    for maps in decoded[1:]:
        for tensor, expected in zip(maps, decoded[0], strict=True):
            scale = float(expected.abs().max())
            # A bfloat16 may round to its neighbor; float32 maps change in their last bits.
            bound = 2**-7 if tensor.dtype == torch.bfloat16 else 1e-5
            assert float((tensor - expected).abs().max()) <= bound * scale


def test_the_reference_backend_leaves_the_process_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = seen_during(monkeypatch, MapDecoder, "forward")
    renderer = ReferenceRenderer(1)
    assert torch.get_num_threads() == 2 and renderer.threads == 1
    frame = renderer.prepare(make_video(), 0.0)
    renderer.render(frame, make_camera(8, 8))
    assert [count for _, count in seen] == [1] and torch.get_num_threads() == 2
    assert ReferenceRenderer().threads == 2


def test_other_threads_keep_their_number_and_faults_restore_it() -> None:
    ready, go = threading.Event(), threading.Event()
    found: list[int] = []

    def other() -> None:
        found.append(torch.get_num_threads())
        ready.set()
        go.wait(TIMEOUT)
        found.append(torch.get_num_threads())

    thread = threading.Thread(target=other)
    thread.start()
    assert ready.wait(TIMEOUT)
    with pytest.raises(ZeroDivisionError), torch_threads(1):
        go.set()
        thread.join()
        raise ZeroDivisionError
    assert found[0] == found[1] and torch.get_num_threads() == 2
