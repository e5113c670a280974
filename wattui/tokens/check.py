"""Says whether a server answers, which models it serves, and what its metrics count."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from urllib.parse import urlsplit

from wattui.clean import one_line
from wattui.errors import UsageError
from wattui.tokens.server import Address, connected, listed_names

TIMEOUT_S = 10.0


def metrics_of(address: Address) -> str:
    """Where a server that has metrics usually has them."""
    parts = urlsplit(address.base)
    return f"{parts.scheme}://{parts.netloc}{address.metrics}"


def check(address: Address, metrics: str, key_name: str | None = None) -> Iterator[str]:
    """What a server is, a line each; the metrics that it lacks are no error.

    Raises UsageError, and ServerError if it does not answer.
    """
    models = asyncio.run(_models(address, key_name))
    yield f"models: {listed_names(models) or 'none'}"
    yield one_line(counted_by(metrics))


def counted_by(metrics: str) -> str:
    """What the metrics at an address count, or why they count nothing, with the fix. Raises
    UsageError."""
    from recorders.meters.meter import Access, SpecError
    from recorders.servers.specs import KIND, parse_servers

    try:
        (spec,) = parse_servers([metrics])
    except SpecError as error:
        raise UsageError(f"{metrics}: {error}") from None
    from recorders.servers.scraper import Scraper

    scraper = Scraper(spec, Access("", os.environ, kind=KIND))
    scraper.step()
    if scraper.last is None:
        return scraper.why
    text = f"{spec.shown}: {scraper.server or 'it'} counts {', '.join(scraper.names)}"
    late = ", ".join(scraper.last.at_end)
    text += f"; {late} only when a request ends" if late else ""
    steps = ", ".join(f"{name} of {step:,}" for name, step in scraper.steps.items())
    text += f"; in steps, as the server rounds its numbers: {steps}" if steps else ""
    return text + (f"; no series of: {', '.join(scraper.unseen)}" if scraper.unseen else "")


async def _models(address: Address, key_name: str | None) -> list[str]:
    async with connected(address, TIMEOUT_S, key_name) as server:
        return await server.models()
