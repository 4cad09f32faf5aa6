"""Segments that are trained on a Ray cluster: one of this machine, with two workers."""

from __future__ import annotations

import builtins
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from common.errors import InputError
from common.locks import lock_path
from model.bundle.info import bundle_info, read_bundle
from model.run.files import CHECKPOINT, LOG, read_tensors
from model.segmented_video import SegmentedVideo
from training.config import TrainingConfig
from training.loop.checkpoint import read_header
from training.make_capture import CaptureSize, make_capture
from training.segments import cluster
from training.segments.job import SegmentRun
from training.train_segments import main

CONFIG = (
    "base: tiny\ndata: {hull_resolution: 16}\nrays: {rays_per_frame: 64}\nsteps: 120\n"
    "model: {occupancy: {resolution: [12, 12, 16], subgrid: 1}}\n"
)


@pytest.fixture(autouse=True)
def _priority(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers have the priority of the tests: by default, Ray starts them at niceness 15."""
    monkeypatch.setenv("RAY_worker_niceness", "0")


@pytest.fixture(autouse=True)
def _print(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bring the built-in `print` back after a test: Ray replaces it by its own, which later tests do not expect."""
    monkeypatch.setattr(builtins, "print", print)


@pytest.fixture(autouse=True)
def _interrupts() -> Iterator[None]:
    """Let Ctrl-C interrupt the tests: if a shell runs them in the background, it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a procedural capture of 10 frames."""
    folder = tmp_path_factory.mktemp("capture") / "short"
    make_capture(folder, CaptureSize(frames=10, cameras=4, width=32, height=32))
    return folder


def test_lines_about_the_progress(tmp_path: Path) -> None:
    runs = [SegmentRun(index, tmp_path / f"segment-{index:04d}", TrainingConfig(), 4) for index in range(3)]
    assert cluster.describe(runs) == "no segment has begun; 3 waiting"
    for index, lines in ((0, '{"step": 3, "progress": 0.25}\n'), (2, "")):
        runs[index].folder.mkdir()
        (runs[index].folder / LOG).write_text(lines)
    assert cluster.describe(runs) == "in training: segment 0 (25%), 2 (0%); 1 waiting"
    assert cluster.log_file(runs[1]) == tmp_path / "segment-0001.log"


def test_without_ray(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main([*_command(capture, tmp_path), "--ray"]) == 2
    assert "--ray: the package ray is not installed; run pip install ray" in capsys.readouterr().err


def test_what_is_refused_before_ray_starts(capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*_command(capture, tmp_path), "--ray"]
    assert main([*command, "--segments", "1:2"]) == 2
    assert "segment 0 first" in capsys.readouterr().err
    (tmp_path / "runs" / "segment-0000").mkdir(parents=True)
    (tmp_path / "runs" / "segment-0000" / CHECKPOINT).touch()
    assert main(command) == 2
    assert "already has a training run; continue it with --resume" in capsys.readouterr().err


@pytest.mark.slow
def test_an_interrupted_cluster_continues_and_a_killed_worker_is_replaced(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [*_command(capture, tmp_path), "--ray", "--threads", "1"]
    runs = [tmp_path / "runs" / f"segment-{index:04d}" for index in range(3)]
    keyframes = tmp_path / "runs" / "keyframes"
    with _when_it_trains(keyframes, lambda: os.kill(os.getpid(), signal.SIGINT)):
        assert main(command) == 130
    assert "interrupted; --resume continues" in capsys.readouterr().err
    assert read_header(keyframes).step < 120 and not lock_path(keyframes).exists()

    killed: list[int] = []
    with _when_it_trains(runs[1], lambda: killed.append(_kill_worker(runs[1]))):
        assert main([*command, "--resume"]) == 0
    assert killed and killed[0] != os.getpid()
    messages = capsys.readouterr().err
    assert all(f"segment {index} is finished" in messages for index in range(3))
    log = runs[1].with_name("segment-0001.log").read_text()
    assert log.count("segment 1 of 3") == 2, "once by each worker"
    assert log.count("wrote") == 1
    assert [read_header(run).step for run in (keyframes, *runs)] == [120, 36, 36, 36]
    networks = [read_tensors(run / CHECKPOINT, "network.") for run in (keyframes, *runs)]
    for name in (name for name in networks[0] if name.startswith("decoder.")):
        assert all((network[name] == networks[0][name]).all() for network in networks), name
    video = read_bundle(tmp_path / "runs" / "long.mlpvid")
    assert isinstance(video, SegmentedVideo) and video.num_frames == 10
    assert bundle_info(tmp_path / "runs" / "long.mlpvid")["integrity"] == "ok"


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "nowhere.invalid:6379"])
def test_a_cluster_that_does_not_answer(
    address: str, capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*_command(capture, tmp_path), "--ray", address]) == 2
    assert f"error: --ray {address}: no Ray cluster answers there; start it with ray start" in capsys.readouterr().err


@pytest.mark.parametrize("address", ["somewhere", "host:", "host:port", "host:99999"])
def test_addresses_that_are_none(address: str, capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*_command(capture, tmp_path), "--ray", address]) == 2
    assert f"error: --ray {address}: is not an address; write HOST:PORT" in capsys.readouterr().err


def test_more_threads_than_any_machine_has() -> None:
    class Cluster:
        """Knows two machines of 2 and 8 cores, and one that is gone."""

        @staticmethod
        def nodes() -> list[dict[str, Any]]:
            cores = ((2.0, True), (8.0, True), (64.0, False))
            return [{"Alive": alive, "Resources": {"CPU": count}} for count, alive in cores]

    cluster.check_threads(Cluster, 8)
    with pytest.raises(InputError, match="--threads 9: is more than the 8 cores of the largest machine of the cluster"):
        cluster.check_threads(Cluster, 9)


class _Cluster:
    """Stands for Ray; its tasks are only noted."""

    def __init__(self) -> None:
        self.begun: list[int] = []

    def remote(self, **_: Any) -> Any:
        def remote(_: Any, index: int) -> int:
            self.begun.append(index)
            return index

        return lambda _: SimpleNamespace(remote=remote)


@pytest.mark.parametrize(("options", "groups"), [([], [[0], [1, 2]]), (["--own-decoders"], [[0, 1, 2]])])
def test_segment_0_is_first_only_if_the_others_need_its_decoder(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], groups: list[list[int]]
) -> None:
    ray, waited = _Cluster(), []

    def wait(ray: _Cluster, *_: Any) -> None:
        waited.append(ray.begun)
        ray.begun = []

    monkeypatch.setattr(cluster, "_connected", lambda *_: contextlib.nullcontext(ray))
    monkeypatch.setattr(cluster, "_wait", wait)
    config = tmp_path / "short.yaml"
    config.write_text(CONFIG)
    command = ["--capture", str(capture), "--config", str(config), "--out", str(tmp_path / "runs"), "--ray", *options]
    assert main([*command, "--segment-frames", "4", "--overlap", "1"]) == 0
    assert waited == groups


def _command(capture: Path, folder: Path) -> list[str]:
    """Return a command that trains three segments of four frames."""
    (folder / "short.yaml").write_text(CONFIG)
    options = ["--segment-frames", "4", "--overlap", "1", "--keyframes", "1", "--later", "0.3", "--no-check"]
    options += ["--config", str(folder / "short.yaml"), "--out", str(folder / "runs")]
    return ["--capture", str(capture), *options]


@contextlib.contextmanager
def _when_it_trains(run: Path, action: Callable[[], object]) -> Iterator[None]:
    """Do something on another thread when a run begins to train, after its first checkpoint, unless the block ends before."""
    ended = threading.Event()

    def wait() -> None:
        while not (run / CHECKPOINT).is_file():
            if ended.wait(0.002):
                return
        action()

    thread = threading.Thread(target=wait)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _kill_worker(run: Path) -> int:
    """Kill the process that trains a run, and return its number."""
    process = int(lock_path(run).read_text().split()[0])
    os.kill(process, signal.SIGKILL)
    return process
