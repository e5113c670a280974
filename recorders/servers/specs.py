"""A server as given, `URL` or `URL#[NAME=]METRIC[{LABEL="VALUE"}][&…]`, as typed data. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module

from recorders.counts import NAME
from recorders.meters.meter import SpecError, cut
from recorders.meters.web import HAS_USER, Address, parse_address

METRICS_PATH = "/metrics"
EXAMPLE = "http://127.0.0.1:8000/metrics"
# The variables with a server's credentials begin like this.
KIND = "tokens"
_CHOICE = re.compile(r"(?:([^={}]*)=)?([A-Za-z_:][\w:]*)\s*(?:\{([^{}]*)\})?", re.A)


@dataclass(frozen=True, slots=True)
class Choice:
    """A counter on any page of metrics: the name of its count, its metric, and the labels that its
    series must have."""

    name: str
    metric: str
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """The page of a server's metrics, and the counters chosen on it; if none are, what is known of
    such a server is counted."""

    address: Address
    choices: tuple[Choice, ...] = ()

    @property
    def shown(self) -> str:
        """The page, as shown and recorded, without what may be secret."""
        return self.address.shown


def parse_server(text: str) -> ServerSpec:
    """A server from its address; the default path is /metrics. Raises SpecError."""
    where, mark, chosen = text.strip().partition("#")
    where = where if "://" in where else f"http://{where}"
    if HAS_USER.match(where):
        fix = "fix: leave them out, and set WATTUI_TOKENS_USER and WATTUI_TOKENS_PASSWORD"
        raise SpecError(f"the address of a server must not contain a user or password: {fix}")
    try:
        address = parse_address(where)
    except SpecError as error:
        raise SpecError(f"{error}: fix: write it as {EXAMPLE}") from None
    if address.target == "/":
        address = replace(address, target=METRICS_PATH)
    address = replace(address, target=_loading_nothing(address.target))
    choices = tuple(map(_choice, chosen.split("&"))) if mark else ()
    names = [each.name for each in choices]
    if twice := next((name for name in names if names.count(name) > 1), ""):
        raise SpecError(f"two counters are named {twice}: fix: name them, as in #NAME=METRIC")
    return ServerSpec(address, choices)


def _loading_nothing(target: str) -> str:
    """The page of one of several models of a llama-server, which would otherwise load the model to
    show it (tools/server/server-models.cpp, `proxy_get`)."""
    fields = [field.partition("=")[0] for field in target.partition("?")[2].split("&")]
    return f"{target}&autoload=false" if "model" in fields and "autoload" not in fields else target


def parse_servers(texts: Sequence[str]) -> list[ServerSpec]:
    """All servers, each page once. Raises SpecError, also if a needed package is missing."""
    try:
        import_module("prometheus_client")
    except ModuleNotFoundError as error:
        fix = "pip install 'wattui[tokens]'"
        raise SpecError(f"reading a server needs {error.name}: fix: {fix}") from None
    found = [parse_server(text) for text in texts]
    shown = [spec.address for spec in found]
    if twice := next((each.shown for each in shown if shown.count(each) > 1), ""):
        raise SpecError(f"{twice} is given twice, and would be counted twice: fix: leave one out")
    return found


def _choice(text: str) -> Choice:
    from recorders.meters.prometheus import parse_labels

    match = _CHOICE.fullmatch(text.strip())
    if not match:
        raise SpecError(f"{cut(text)!r} is not a counter: fix: write {EXAMPLE}#METRIC")
    given, metric, labels = match.groups()
    name = name_of(metric) if given is None else given.strip()
    if not re.fullmatch(NAME, name):
        fix = f"fix: name it, as in #tokens_out={cut(metric)}"
        raise SpecError(f"{cut(name)!r} is not the name of a count: {fix}")
    return Choice(name, metric, parse_labels(labels or ""))


def name_of(metric: str) -> str:
    """The name of a metric's count: without prefix and ending, `exo:steps_total` is steps."""
    plain = metric.rpartition(":")[2].removesuffix("_total").lower()
    return re.sub(r"[^a-z0-9_]", "_", plain).lstrip("_0123456789")[:40]
