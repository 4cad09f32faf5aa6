"""A viser server that asks an `AccessCheck` before it answers a request.

viser has no tokens, and no place to check requests. A proxy in front of it would leave viser's own port open to every user of
the machine. Instead, the web server that viser starts, of the package websockets, gets one more function that it asks first.
A request after the start proves that it does.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
from collections.abc import Iterator
from typing import Any

import viser
import websockets.asyncio.server
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from common.errors import InputError
from viewer.serve.access import AccessCheck


class GuardedViser(viser.ViserServer):  # type: ignore[misc]
    """A viser server that nobody can share with the internet.

    Its visitors could otherwise ask it for a public address at share.viser.studio.
    """

    def request_share_url(self, verbose: bool = True) -> str | None:
        """Return None: there is no public address."""
        return None

    def stop(self) -> None:
        """End the connections and the server's threads, without viser's messages."""
        with contextlib.redirect_stdout(io.StringIO()):
            super().stop()


def start_viser(host: str, port: int, label: str, check: AccessCheck) -> GuardedViser:
    """Start viser on a host and a port.

    Args:
        host: name or address to listen on.
        port: 0 takes a free one.
        label: title of the panel with the controls.
        check: decides about each request.

    Raises:
        InputError: the port is taken, the host does not belong to this machine, or this version of viser does not let requests
            be checked.
    """
    port = bindable_port(host, port)
    with _checked_requests(check), contextlib.redirect_stdout(io.StringIO()):  # viser prints a table
        server = GuardedViser(host, port, label, verbose=False)
    try:
        if server.get_port() != port:
            raise InputError(f"port {port}", "is used by another program", "choose another one with --port")
        _require_checks(host, port)
    except BaseException:
        server.stop()
        raise
    return server


def bindable_port(host: str, port: int) -> int:
    """Return a port that can be listened on now: `port`, or a free one for 0. viser itself would try others forever.

    Raises:
        InputError: there is none.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            return int(probe.getsockname()[1])
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(
            f"{host}, port {port}", f"cannot be used by the server: {reason}", "choose others with --host and --port"
        ) from error


@contextlib.contextmanager
def _checked_requests(check: AccessCheck) -> Iterator[None]:
    original: Any = websockets.asyncio.server.serve

    def serve(*arguments: Any, process_request: Any = None, **options: Any) -> Any:
        def process(connection: Any, request: Request) -> Any:
            return _response(check, request) or _closing(process_request(connection, request))

        return original(*arguments, process_request=process, **options)

    websockets.asyncio.server.serve = serve  # type: ignore[assignment, misc]
    try:
        yield
    finally:
        websockets.asyncio.server.serve = original  # type: ignore[misc]


def _response(check: AccessCheck, request: Request) -> Response | None:
    headers = {name.lower(): value for name, value in request.headers.raw_items()}
    answer = check.answer(request.path, headers)
    if answer is None:
        return None
    body = answer.text.encode()
    standard = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(body)), "Connection": "close"}
    return Response(answer.status, answer.status.phrase, Headers(**standard, **answer.headers), body)


def _closing(response: Response | None) -> Response | None:
    """Say in a response that the connection ends with it, as websockets does. Otherwise a client's next request may use it."""
    if response is not None:
        response.headers.setdefault("Connection", "close")
    return response


def _require_checks(host: str, port: int) -> None:
    """Raise InputError unless a request that nobody may make is refused."""
    local = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    connection = http.client.HTTPConnection(local, port, timeout=10)
    try:
        connection.request("GET", "/", headers={"Host": "mlpvid.invalid"})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise InputError(f"{host}, port {port}", f"does not answer: {error}", "choose another --host") from error
    finally:
        connection.close()
    if status not in (http.client.UNAUTHORIZED, http.client.FORBIDDEN):
        raise InputError(f"viser {viser.__version__}", "cannot check who connects to it", "install viser 1.1.1")
