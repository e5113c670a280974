"""`python -m workloads serve MODEL`: starts the server, and ends it on a signal."""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Sequence

from workloads.arguments import Parser
from workloads.errors import UsageError
from workloads.serve.dialects import DIALECTS, LLAMA_WITHOUT_METRICS
from workloads.serve.engine import Engine, Gpt, Toy
from workloads.serve.scheduler import Scheduler
from workloads.serve.server import Server
from workloads.stop import Stop

NAME = "serve"
LOOPBACK = "127.0.0.1"
SLOTS = 8


def main(argv: Sequence[str], prog: str, stop: Stop) -> int:
    """Serve until a signal; returns the exit status. Raises UsageError."""
    options = parser(f"{prog} {NAME}").parse_args(argv)
    rate = options.tokens_per_second
    engine = _engine(options.model)
    metrics = DIALECTS[options.dialect]
    if options.no_metrics:
        if options.dialect != "llama":
            raise UsageError("--no-metrics is llama-server's: fix: add --dialect llama")
        metrics = LLAMA_WITHOUT_METRICS
    scheduler = Scheduler(engine, options.slots, 1 / rate if rate else 0.0)
    try:
        server = Server(
            (options.host, options.port), scheduler, metrics, options.dialect == "llama"
        )
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        where = f"{options.host}:{options.port}"
        raise UsageError(
            f"cannot listen on {where}: {reason}: fix: choose another --port"
        ) from None
    with server:
        scheduler.start()
        threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
        shown = " and ".join(server.url + path for path in metrics) or "none"
        sys.stdout.write(f"serving {engine.name} on {server.url}\nmetrics: {shown}\n")
        sys.stdout.flush()
        while not stop:
            stop.rest(3600)
        server.shutdown()
        scheduler.close()
    return 0


def parser(prog: str) -> argparse.ArgumentParser:
    """The parser of the options."""
    made = Parser(
        prog=prog,
        description="Serve a small language model to OpenAI's and Ollama's clients, with another "
        "server's metrics. It ends on Ctrl-C or SIGTERM.",
    )
    made.add_argument(
        "model", choices=(Gpt.name, Toy.name), help="a small GPT, or a toy that makes up words"
    )
    made.add_argument("--host", default=LOOPBACK, help=f"address to listen on ({LOOPBACK})")
    made.add_argument("--port", type=int, default=0, metavar="N", help="port (default: a free one)")
    made.add_argument(
        "--dialect", choices=tuple(DIALECTS), default="vllm", help="whose metrics to serve (vllm)"
    )
    made.add_argument(
        "--no-metrics",
        action="store_true",
        help="answer /metrics with 501, as llama-server does without --metrics",
    )
    made.add_argument(
        "--slots",
        type=_slots,
        default=SLOTS,
        metavar="N",
        help=f"requests that run side by side ({SLOTS})",
    )
    made.add_argument(
        "--tokens-per-second",
        type=_rate,
        metavar="R",
        help="give each request at most R tokens a second",
    )
    return made


def _engine(name: str) -> Engine:
    """The engine of a model, loaded. Raises UsageError."""
    return Toy() if name == Toy.name else Gpt()


def _slots(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number of at least 1")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise argparse.ArgumentTypeError(f"{text}: must be above 0")
    return rate
