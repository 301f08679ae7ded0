"""A trained model in the browser: one slider for each latent, and the picture that follows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unweave.base.errors import InputError

if TYPE_CHECKING:
    from unweave.base.codes import Reading
    from unweave.run.run import Run

NEEDED = "pip install 'unweave[explore]'"


def app(run: Run, token: str, hosts: tuple[str, ...] = (), codes: Reading | None = None) -> Any:
    """The explorer of a run as an ASGI application, as `unweave.show.explorer.server.app`.

    A missing package raises InputError that says what to install.
    """
    try:
        from unweave.show.explorer import server
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("unweave"):
            raise
        raise InputError(f"the explorer needs {missing.name}: {NEEDED}") from None
    return server.app(run, token, hosts, codes)
