"""`wattui tokens`: puts a known load on a server of language models, and counts what passes."""

from __future__ import annotations

import argparse
import asyncio
import resource
import secrets
import signal
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from wattui.clean import one_line
from wattui.commands.parser import Parser
from wattui.errors import INCOMPLETE, UsageError, WattuiError
from wattui.marks import recording
from wattui.show.printing import console, print_json, say
from wattui.show.quantities import counted
from wattui.show.width import add_width
from wattui.tokens.bench import Bench, measure
from wattui.tokens.check import check, metrics_of
from wattui.tokens.figures import Row, row_of
from wattui.tokens.load import Loaded
from wattui.tokens.prompts import USUAL, parse_prompts
from wattui.tokens.proxy import Proxy, is_itself, parse_listen, parse_target
from wattui.tokens.recorded import RecordedMarks
from wattui.tokens.server import parse_address
from wattui.tokens.totals import Totals

VERSION, KIND = 1, "tokens_bench"
INTERRUPTED = 130
MOST_CONCURRENCY = 4096
# Files that are open beside the connections.
OTHER_FILES = 64
EPILOG = """\
examples:
  wattui tokens bench http://127.0.0.1:8000 --concurrency 1,8,32 --prompts synthetic:512/128
  wattui --headless --csv llm.csv -- wattui tokens bench http://127.0.0.1:8000 --repeats 5
"""


def parser() -> argparse.ArgumentParser:
    """The parser of `wattui tokens`."""
    made = Parser(
        prog="wattui tokens",
        description="Measure servers of language models: joules per token under a known load.",
    )
    kinds = made.add_subparsers(
        dest="kind", required=True, metavar="bench|check|proxy", parser_class=Parser
    )
    _add_bench(kinds)
    _add_check(kinds)
    _add_proxy(kinds)
    return made


def _add_bench(kinds: Any) -> None:
    bench = kinds.add_parser(
        "bench",
        help="send requests at known concurrency",
        description="Send streaming requests to a server with OpenAI's interface, so many at once, "
        "and mark the steady state as running, with the label c8 for 8 at once. In a recording, "
        "this gives joules per token; tokens are those of the server's usage.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    bench.add_argument("url", metavar="URL", help="address of the server: http://127.0.0.1:8000")
    bench.add_argument("--model", metavar="NAME", help="model (default: the only one)")
    bench.add_argument(
        "--concurrency",
        type=_concurrency,
        default=(1, 8, 32),
        metavar="N,N",
        help="requests in flight at once, one load after the other (default: 1,8,32)",
    )
    bench.add_argument(
        "--prompts",
        default=USUAL,
        metavar="FILE|synthetic:IN/OUT,…",
        help="a file with a prompt a line, or JSONL with prompt or messages and max_tokens; or "
        f"random words of IN tokens, answered by OUT (default: {USUAL}), one load after the other "
        "if there are several",
    )
    bench.add_argument(
        "--max-tokens",
        type=_positive,
        default=256,
        metavar="N",
        help="most tokens of an answer, where FILE does not say (default: 256)",
    )
    bench.add_argument(
        "--seconds",
        type=_seconds,
        default=60.0,
        metavar="S",
        help="least length of the steady state of each load (default: 60)",
    )
    bench.add_argument(
        "--repeats", type=_positive, default=1, metavar="N", help="run all loads N times"
    )
    bench.add_argument(
        "--warmup",
        type=_time,
        default=0.0,
        metavar="S",
        help="least time under load before the steady state (default: 0: the ramp only)",
    )
    bench.add_argument(
        "--armed",
        type=_time,
        default=5.0,
        metavar="S",
        help="time without a request, the model loaded, before each repeat (default: 5)",
    )
    bench.add_argument(
        "--timeout",
        type=_seconds,
        default=120.0,
        metavar="S",
        help="a request fails if nothing arrives for so long (default: 120)",
    )
    bench.add_argument(
        "--api-key-env", metavar="NAME", help="environment variable that holds the server's key"
    )
    bench.add_argument("--json", action="store_true", help="print the loads as JSON")
    add_width(bench)


def _add_check(kinds: Any) -> None:
    made = kinds.add_parser(
        "check",
        help="say what a server is",
        description="Say whether a server answers, which models it serves, and what its metrics "
        "count, or how to switch them on.",
    )
    made.add_argument("url", metavar="URL", help="address of the server: http://127.0.0.1:8000")
    made.add_argument(
        "--tokens", metavar="URL", help="address of its metrics (default: /metrics there)"
    )
    made.add_argument(
        "--api-key-env", metavar="NAME", help="environment variable that holds the server's key"
    )


def _add_proxy(kinds: Any) -> None:
    proxy = kinds.add_parser(
        "proxy",
        help="count the tokens that pass through to a server",
        description="Pass requests on to a server without metrics, such as Ollama, and count the "
        "tokens that its answers state. Clients use the proxy's address in place of the server's; "
        "its own metrics are at /metrics. It ends on Ctrl-C or SIGTERM.",
    )
    proxy.add_argument(
        "--to", required=True, metavar="URL", help="the server: http://127.0.0.1:11434"
    )
    proxy.add_argument(
        "--listen",
        default="127.0.0.1:0",
        metavar="HOST:PORT",
        help="where clients connect (default: a free port of 127.0.0.1)",
    )


def main(options: argparse.Namespace) -> int:
    """Do what is asked for; returns the exit status. Raises WattuiError."""
    if options.kind == "proxy":
        return _proxy(options)
    if options.kind == "check":
        return _check(options)
    return _bench(options)


def _check(options: argparse.Namespace) -> int:
    """Print what a server is. Raises WattuiError if it does not answer."""
    address = parse_address(options.url)
    out = console()
    for line in check(address, options.tokens or metrics_of(address), options.api_key_env):
        out.print(line, soft_wrap=True, markup=False, highlight=False)
    return 0


def _proxy(options: argparse.Namespace) -> int:
    target, listen = parse_target(options.to), parse_listen(options.listen)
    if is_itself(target, *listen):
        raise UsageError(
            f"--listen {options.listen}: that is the address of --to: fix: choose another port"
        )
    marks = RecordedMarks()
    totals = Totals(marks.count)
    try:
        asyncio.run(_serve(Proxy(target, totals), *listen, shown=options.to))
    finally:
        marks.close()
    say(totals.line())
    return 0


async def _serve(proxy: Proxy, host: str, port: int, shown: str) -> None:
    """Serve until a signal."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    url = await proxy.listen(host, port)
    sys.stdout.write(f"passing on to {shown} from {url}\n")
    sys.stdout.flush()
    await stop.wait()
    await proxy.close()


def _bench(options: argparse.Namespace) -> int:
    """Measure and print; returns the exit status. Raises WattuiError."""
    asked = Bench(
        parse_address(options.url),
        options.model,
        parse_prompts(options.prompts, options.max_tokens, secrets.randbits(32)),
        options.concurrency,
        options.seconds,
        options.repeats,
        options.warmup,
        options.armed,
        options.timeout,
        options.api_key_env,
    )
    allow_connections(max(asked.concurrency))
    loads: list[Loaded] = []
    marks = RecordedMarks()
    error: WattuiError | None = None
    is_interrupted = False
    try:
        asyncio.run(measure(asked, marks, loads.append, say))
    except KeyboardInterrupt:
        is_interrupted = True
    except WattuiError as raised:
        error = raised
    finally:
        marks.close()
    rows = list(map(row_of, loads))
    if rows:
        _print(rows, asked, options)
        say(*_remarks(rows, asked, is_cut=bool(error) or is_interrupted))
    if error:
        raise error
    if is_interrupted:
        return INTERRUPTED
    return INCOMPLETE if any(row.failed for row in rows) else 0


def allow_connections(most: int) -> None:
    """Let this process have so many connections open. Raises UsageError if it must not."""
    needed = most + OTHER_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIM_INFINITY != hard < needed:
        raise UsageError(
            f"--concurrency {most}: this shell allows {hard} open files: fix: ulimit -Hn {needed} "
            f"as root, or at most --concurrency {max(1, hard - OTHER_FILES)}"
        )
    if resource.RLIM_INFINITY != soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


def _print(rows: Sequence[Row], asked: Bench, options: argparse.Namespace) -> None:
    from wattui.show.stacking import Fitting
    from wattui.show.tokens import load_tables

    if options.json:
        found = {
            "version": VERSION,
            "kind": KIND,
            "url": asked.address.base,
            "prompts": options.prompts,
            "loads": [row.to_dict() for row in rows],
        }
        print_json(found)
        return
    out = console(width=options.width)
    for place, table in enumerate(load_tables(rows)):
        if place:
            out.print()
        out.print(Fitting(table))


def _remarks(rows: Sequence[Row], asked: Bench, is_cut: bool) -> Iterator[str]:
    """What a reader of the table must know; `is_cut`: the last load ended early."""
    for row in rows:
        name = f"{row.label}, repeat {row.repeat}" if row.repeat else row.label
        if row.seconds is None:
            yield f"{name}: no steady state was reached, so it has no figures"
            continue
        if row.failed:
            whys = "; ".join(f"{one_line(why)} ({n})" for why, n in row.failures.items())
            yield (
                f"{name}: {counted(row.failed, 'request')} failed: {whys}: their energy is in the "
                "joules, their tokens are not"
            )
        if is_cut and row is rows[-1]:
            yield f"{name}: it ended early, so the figures are those of a part of it"
        elif not row.is_whole:
            yield (
                f"{name}: the steady state does not end with a round of {row.concurrency} "
                "requests, so that prompts may have more or less than their share of it: fix: "
                "raise --seconds"
            )
        if row.tokens_cached:
            share = row.tokens_cached / (row.tokens_cached + row.tokens_in)
            yield f"{name}: {share:.0%} of the prompts' tokens came from the server's cache"
    if not recording():
        yield (
            "no recording runs, so there are no joules: fix: wattui --headless --csv llm.csv -- "
            f"wattui tokens bench {asked.address.base} …"
        )


def _concurrency(text: str) -> tuple[int, ...]:
    found = tuple(dict.fromkeys(map(_positive, text.split(","))))
    if max(found) > MOST_CONCURRENCY:
        raise argparse.ArgumentTypeError(f"{max(found)}: at most {MOST_CONCURRENCY} at once")
    return found


def _positive(text: str) -> int:
    if not text.isascii() or not text.strip().isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number, at least 1")
    return int(text)


def _seconds(text: str) -> float:
    if (seconds := _time(text)) <= 0:
        raise argparse.ArgumentTypeError(f"{text!r}: expected seconds, above 0")
    return seconds


def _time(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: expected seconds")
    return seconds
