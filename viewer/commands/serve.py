"""Serve a video to browsers: --serve."""

from __future__ import annotations

import argparse
import dataclasses
import getpass
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import InputError
from common.installation import is_installed, pip_command
from common.interrupts import Interrupt, interruptible
from model.video import VolumetricVideo
from renderer.fallback import FallbackRenderer
from renderer.select import backend_for, create_renderer
from viewer.app.files import file_stamp
from viewer.commands.headless import read_with_progress
from viewer.commands.start import choose_settings
from viewer.serve.access import AccessCheck, chosen_token, is_loopback
from viewer.serve.events import ViserThread
from viewer.settings import DisplaySettings

if TYPE_CHECKING:
    from viewer.picture.background_image import BackgroundImage

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8080
"""Address that the server listens on: this machine only."""


def serve(options: argparse.Namespace) -> int:
    """Run --serve: show the video in browsers until Ctrl-C.

    Raises:
        InputError: viser is not installed, the server cannot use the address, the token is too short, or the video cannot be
            read or rendered.
    """
    if not is_installed("viser"):
        remedy = f"install it with {pip_command('requirements-serve.txt', 'serve')}"
        raise InputError("--serve", "needs the package viser", remedy)
    from viewer.serve.guarded_viser import bindable_port, start_viser  # noqa: PLC0415 - only this command needs viser
    from viewer.serve.server import VideoServer  # noqa: PLC0415 - loads what renders

    host, port = options.host or DEFAULT_HOST, DEFAULT_PORT if options.port is None else options.port
    token = chosen_token(options.token, host)
    port = bindable_port(host, port)  # before the video is read, which may take long
    settings, _, fault = choose_settings(options.config)
    if fault is not None:
        print(f"note: {fault}")
    settings.view, background = first_look(options, settings.view)
    stamp = file_stamp(options.bundle)
    video = read_with_progress(options)
    renderer = _renderer(options, video, settings.rendering.backend, settings.rendering.threads)
    viser = start_viser(host, port, options.bundle.name, AccessCheck(token))
    call = ViserThread(viser.get_event_loop())
    server = VideoServer(viser, options.bundle, video, renderer, settings, stamp, call, background)
    print("\n".join(addresses(host, port, token)), flush=True)
    try:
        interruptible(server.run, server.close)
    except Interrupt:
        print("stopped")
    return 0


def first_look(options: argparse.Namespace, view: DisplaySettings) -> tuple[DisplaySettings, BackgroundImage | None]:
    """Return how images look at first, by the options or else the settings, and the picture or panorama behind them."""
    from viewer.picture.background_image import read_background  # noqa: PLC0415 - loads what decodes images

    asked = bool(options.background or options.panorama)
    if asked:
        chosen = options.panorama or options.background
        kind = "panorama" if options.panorama else "picture"
        files = {"background": kind, "background_file": str(chosen)}
        colors = {"background": "color", "background_color": chosen}
        view = dataclasses.replace(view, **(files if isinstance(chosen, Path) else colors))
    view = dataclasses.replace(view, show_shadow=view.show_shadow or options.shadow)
    try:
        return view, read_background(Path(view.background_file)) if view.has_image else None
    except InputError as error:
        if asked:
            raise
        print(f"note: {error}")  # the settings name a file that has gone since
        return dataclasses.replace(view, background="color"), None


def _renderer(options: argparse.Namespace, video: VolumetricVideo, backend: str, threads: int | None) -> FallbackRenderer:
    chosen = backend_for(video, options.backend or backend)
    return FallbackRenderer(create_renderer(chosen, options.threads or threads))


def addresses(host: str, port: int, token: str | None) -> list[str]:
    """Return the lines that say how to open the server: from this machine, and from others.

    Args:
        host: that the server listens on.
        port: that the server listens on.
        token: that visitors need; None for nothing.
    """
    query = f"/?token={token}" if token else "/"
    local = "localhost" if host in ("0.0.0.0", "::", "127.0.0.1") else f"[{host}]" if ":" in host else host
    lines = [f"Serving at http://{local}:{port}{query}"]
    name = socket.gethostname()
    if is_loopback(host):
        lines.append("From another computer, run this there, and open the same address:")
        lines.append(f"    ssh -L {port}:{'localhost' if local == 'localhost' else local}:{port} {_user()}@{name}")
    elif host in ("0.0.0.0", "::"):
        lines.append(f"From another computer: http://{name}:{port}{query}")
    return [*lines, "Press Ctrl-C to stop."]


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        return "USER"
