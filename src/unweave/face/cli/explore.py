"""Move a run's latents with sliders in the browser and watch the decoded image."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import sys
import threading
import webbrowser
from typing import Annotated

from unweave.base.checks import Range
from unweave.base.codes import PLANES, Reading
from unweave.base.errors import InputError

CODES = "planes: a dial for each pair of latents that encodes an angle; means: only sliders [planes, if already known]"
PORT, TRIED = 8000, 20  # where it starts to look for a free port, and how many it tries


def explore(
    run: Annotated[str, "folder of the run"],
    /,
    *,
    codes: Annotated[Reading | None, CODES] = None,
    port: Annotated[int | None, "port to listen on [8000, or the next free one]", Range(0, 65_535)] = None,
    host: Annotated[str, "address to listen on; any but 127.0.0.1 lets others connect"] = "127.0.0.1",
    no_open: Annotated[bool, "print the address without opening a browser"] = False,
) -> None:
    """Move a run's latents with sliders in the browser and watch the decoded image."""
    try:
        import uvicorn
    except ModuleNotFoundError:
        raise InputError("explore needs uvicorn: pip install 'unweave[explore]'") from None
    from unweave.run.run import Run
    from unweave.show.explorer import app
    from unweave.show.explorer.hosts import LOCAL, hosts_of

    opened = Run(run)
    bound = _bound(host, port)
    with contextlib.closing(bound):
        token = secrets.token_urlsafe(24)
        made = app(opened, token, hosts_of(host), codes)
        if codes == PLANES and not opened.subspaces.blocks:
            why = opened.subspaces.skipped or "no latents form a plane"
            print(f"no dial: {why}", file=sys.stderr)
        shown = f"[{host}]" if ":" in host else host
        at = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(shown, shown)
        address = f"http://{at}:{bound.getsockname()[1]}/?token={token}"
        if host not in LOCAL:
            print(
                f"warning: at {host} others in your network can reach this server; whoever has the address below, "
                "which travels unencrypted, can see this run and its data",
                file=sys.stderr,
            )
        print(f"{opened.title}\n{address}\nCtrl-C ends it.", flush=True)
        if not no_open and _has_screen():
            threading.Timer(0.5, webbrowser.open, [address]).start()
        config = uvicorn.Config(made, log_level="warning", access_log=False, server_header=False, ws="none")
        with contextlib.suppress(KeyboardInterrupt):  # the usual way to end it
            uvicorn.Server(config).run(sockets=[bound])


def _bound(host: str, port: int | None) -> socket.socket:
    """A listening socket: at `port`, or at the first free one from 8000 on."""
    ports = range(PORT, PORT + TRIED) if port is None else [port]
    reason = ""
    for each in ports:
        try:
            family = socket.getaddrinfo(host, each, type=socket.SOCK_STREAM)[0][0]
            # Only where it is named does asyncio switch off Nagle's delay, which would cost 40 ms a move.
            made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        except OSError as wrong:
            raise InputError(f"host must be an address of this machine, got {host}: {wrong.strerror}") from None
        try:
            if sys.platform != "win32":  # there it would let two servers share one port
                made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind((host, each))
            made.listen(128)
        except OSError as wrong:
            made.close()
            reason = str(wrong.strerror)
            continue
        return made
    if port is None:
        raise InputError(f"port must be free, got none from {PORT} to {PORT + TRIED - 1} at {host}: {reason}")
    raise InputError(f"port must be free, got {port} at {host}: {reason}")


def _has_screen() -> bool:
    """Whether a browser could open a window; without one a text browser might take over the terminal."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
