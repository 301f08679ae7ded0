"""Show or clear the files that unweave keeps between runs."""

from typing import Annotated, Literal


def cache(do: Annotated[Literal["list", "clear"], "what to do"] = "list", /) -> None:
    """Show or clear the files that unweave keeps between runs, such as the rendered dSprites."""
    from unweave.base.cache import cache_folder, clear, entries

    if do == "clear":
        print(f"{clear() / 1e6:.0f} MB removed from {cache_folder()}")
        return
    for entry in entries():
        print(f"{entry.bytes / 1e6:8.1f} MB  {entry.path}")
    print(f"{sum(entry.bytes for entry in entries()) / 1e6:8.1f} MB  in {cache_folder()}")
