"""The explorer's server: one page, frames for codes, codes for pictures, and names that are kept.

Who may ask: every request carries the token, names this machine as its Host and, where it posts, comes from the page
itself. Nothing is read but the files listed here, the run's data set by number, and explorer.json.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs

import numpy as np
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from unweave.base.codes import Reading
from unweave.base.errors import CannotWrite, InputError
from unweave.run.names import read_names, save_name
from unweave.run.run import Run
from unweave.show.explorer.exhibit import Exhibit, exhibit
from unweave.show.explorer.hosts import LOCAL, is_ours

FILES = {
    "icon.svg": "image/svg+xml",
    "style.css": "text/css",
    "picture.js": "text/javascript",
    "explorer.js": "text/javascript",
}
UPLOAD, SMALL = 20_000_000, 4096  # bytes of a picture, of anything else
ROWS = 64  # frames asked for at once
HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "object-src 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


def app(run: Run, token: str, hosts: Sequence[str] = (), codes: Reading | None = None) -> ASGIApp:
    """The explorer of a finished run as an ASGI application; only requests with `token` are answered.

    `codes` says whether planes get a dial, as for `exhibit`.

    `hosts` are names and addresses by which it may be called besides 127.0.0.1, localhost and ::1; "*" stands for any
    address (not: any name, lest a foreign site point its own here). An unfinished run and an explorer.json that
    cannot be read raise InputError.
    """
    shown = exhibit(run, codes)
    read_names(run.path, shown.model.latents)
    routes = [
        Route("/", _page(run, token)),
        *(Route(f"/{name}", _file(name, kind)) for name, kind in FILES.items()),
        Route("/facts", _facts(run, shown)),
        Route("/image/{number:int}", _image(shown)),
        Route("/decode", _decode(shown), methods=["POST"]),
        Route("/encode", _encode(shown), methods=["POST"]),
        Route("/names", _names(run, shown), methods=["POST"]),
    ]
    handlers: dict[Any, Any] = {HTTPException: _refused, InputError: _wrong, CannotWrite: _full, Exception: _broken}
    return _Guarded(Starlette(routes=routes, exception_handlers=handlers), token, (*LOCAL, *hosts))


Handler = Callable[[Request], Any]


def _page(run: Run, token: str) -> Handler:
    text = files("unweave.show.explorer").joinpath("static/index.html").read_text("utf-8")
    for name in FILES:
        text = text.replace(f'"{name}"', f'"{name}?token={token}"')
    text = text.replace("<!-- title -->", escape(run.title))
    return _sent(Response(text, media_type="text/html"))


def _file(name: str, kind: str) -> Handler:
    return _sent(Response(files("unweave.show.explorer").joinpath(f"static/{name}").read_bytes(), media_type=kind))


def _sent(response: Response) -> Handler:
    async def send(_: Request) -> Response:
        return response

    return send


def _facts(run: Run, shown: Exhibit) -> Handler:
    async def facts(_: Request) -> Response:
        return JSONResponse({**shown.facts, "names": read_names(run.path, shown.model.latents)})

    return facts


def _image(shown: Exhibit) -> Handler:
    async def image(request: Request) -> Response:
        number = int(request.path_params["number"])
        return JSONResponse(await run_in_threadpool(shown.image, min(number, 1 << 62)))

    return image


def _decode(shown: Exhibit) -> Handler:
    """Codes and categories in, little-endian float32 (n, width); frames out."""

    async def decode(request: Request) -> Response:
        width = shown.width
        body = await _body(request, ROWS * width * 4)
        if not body or len(body) % (4 * width):
            raise InputError(f"the body must hold 1 to {ROWS} rows of {width} float32, got {len(body)} bytes")
        rows = np.frombuffer(body, "<f4").reshape(-1, width)
        frames = await run_in_threadpool(shown.decoded, rows)
        return Response(frames, media_type="application/octet-stream")

    return decode


def _encode(shown: Exhibit) -> Handler:
    """The bytes of a picture in; its codes, its frame and the frame of its reconstruction out."""

    async def encode(request: Request) -> Response:
        content = await _body(request, UPLOAD)
        return JSONResponse(await run_in_threadpool(shown.upload, content))

    return encode


def _names(run: Run, shown: Exhibit) -> Handler:
    async def names(request: Request) -> Response:
        try:
            sent = json.loads(await _body(request, SMALL))
            latent, name, star = sent["latent"], sent["name"], sent["star"]
        except (ValueError, KeyError, TypeError):
            raise InputError("names must come as JSON with latent, name and star, got something else") from None
        return JSONResponse(await run_in_threadpool(save_name, run.path, shown.model.latents, latent, name, star))

    return names


async def _body(request: Request, limit: int) -> bytes:
    """The body, counted while it comes in and refused as soon as it is longer than `limit`."""
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > limit:
            raise HTTPException(413, f"the request must be {limit:,} bytes or fewer, got more")
    return bytes(received)


REASONS = {
    404: "there is nothing at this address; the page is at /",
    405: "this address does not take requests of this kind",
}


async def _refused(request: Request, wrong: Exception) -> Response:
    assert isinstance(wrong, HTTPException)
    return _error(request.scope, wrong.status_code, REASONS.get(wrong.status_code, wrong.detail))


async def _wrong(request: Request, wrong: Exception) -> Response:
    return _error(request.scope, 400, str(wrong))


async def _full(request: Request, wrong: Exception) -> Response:
    return _error(request.scope, 507, str(wrong))


async def _broken(request: Request, wrong: Exception) -> Response:
    return _error(request.scope, 500, "something broke in unweave; the terminal where it runs says what")


def _error(scope: Scope, status: int, sentence: str) -> Response:
    """A page for people, JSON for the page's own requests."""
    accepts = dict(scope["headers"]).get(b"accept", b"").decode("latin-1")
    if "text/html" not in accepts:
        return JSONResponse({"error": sentence}, status)
    text = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{status}: unweave</title></head><body><main><h1>{status}</h1><p>{escape(sentence)}.</p></main>"
        "</body></html>\n"
    )
    return HTMLResponse(text, status)


@dataclass(frozen=True)
class _Guarded:
    """Refuses what does not come from the printed address, and puts the headers on every answer."""

    app: ASGIApp
    token: str
    hosts: tuple[str, ...]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *own]}
            await send(message)

        refusal = self._refusal(scope)
        await (refusal or self.app)(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        sent = [(name, value.decode("latin-1")) for name, value in scope["headers"]]
        host = [value for name, value in sent if name == b"host"]
        if len(host) != 1 or not is_ours(host[0], self.hosts):
            return _error(scope, 421, "the Host of this request is not one that the explorer was started for")
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [])
        given += [value for name, value in sent if name == b"x-unweave-token"]
        if len(given) != 1 or not hmac.compare_digest(given[0].encode(), self.token.encode()):
            return _error(
                scope,
                403,
                "the token of this address is missing or not this explorer's: open the address that unweave explore "
                "printed, and put what follows # behind it to get a saved state back",
            )
        if scope["method"] not in ("GET", "HEAD"):
            origin = [value for name, value in sent if name == b"origin"]
            if origin != [f"{scope.get('scheme', 'http')}://{host[0]}"]:
                return _error(scope, 403, "only the explorer's own page may send this request")
        return None
