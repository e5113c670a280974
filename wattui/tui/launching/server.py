"""The launch form's fields for a load on a server of language models. Pure, but for prompts."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text

from wattui.capture.launch import OWN
from wattui.errors import UsageError
from wattui.tokens.check import metrics_of
from wattui.tokens.prompts import USUAL, parse_prompts
from wattui.tokens.server import parse_address
from wattui.tui.launching.order import FieldError, FormValues, LaunchPlan, Step
from wattui.tui.widgets.field import FieldSpec

SERVER, MODEL, METRICS, KEY = "server", "model", "metrics", "key"
CONCURRENCY, PROMPTS, SECONDS, ARMED = "concurrency", "prompts", "seconds", "armed"
NONE = "none"
USUAL_CONCURRENCY, USUAL_SECONDS, USUAL_ARMED = "1,8,32", "60", "5"
EXAMPLE = "http://127.0.0.1:8000"
MOST_TOKENS = 256


class ServerSubject:
    """Puts loads of known concurrency on a server with OpenAI's interface."""

    name = "llm server"
    title = "joules per token under a known load"

    def fields(self) -> list[FieldSpec]:
        """The server, and the loads."""
        return [
            FieldSpec(
                SERVER,
                f"address of a server with OpenAI's interface: {EXAMPLE}",
                label="Server",
                check=lambda text: _refused(lambda: parse_address(text)),
                wide=True,
                group="What",
            ),
            FieldSpec(
                MODEL, "name of the model", label="Model", placeholder="the only one", group="What"
            ),
            FieldSpec(
                CONCURRENCY,
                "requests in flight at once, one load after the other",
                label="Concurrency",
                placeholder=USUAL_CONCURRENCY,
                check=_wrong_concurrency,
                group="Size",
            ),
            FieldSpec(
                PROMPTS,
                "a file of prompts, or random words: synthetic:PROMPT/ANSWER, in tokens",
                label="Prompts",
                placeholder=USUAL,
                check=lambda text: _refused(lambda: parse_prompts(text, MOST_TOKENS)),
                group="Size",
            ),
            FieldSpec(
                SECONDS,
                "least length of the steady state of each load",
                label="Seconds",
                placeholder=USUAL_SECONDS,
                check=_wrong_seconds,
                group="Length",
            ),
        ]

    def folded(self) -> list[FieldSpec]:
        """Where its metrics are, its key, and the rest before a load."""
        return [
            FieldSpec(
                METRICS,
                "address of its metrics; none if it has none",
                label="Metrics",
                placeholder=f"{EXAMPLE}/metrics",
                wide=True,
            ),
            FieldSpec(
                KEY,
                "environment variable that holds the server's key",
                label="Key in",
                placeholder=NONE,
            ),
            FieldSpec(
                ARMED,
                "rest before the loads, the model loaded (s)",
                label="Armed (s)",
                placeholder=USUAL_ARMED,
                check=_wrong_seconds,
            ),
        ]

    def suggestions(self, given: FormValues) -> dict[str, str]:
        """The metrics beside the server."""
        try:
            return {METRICS: metrics_of(parse_address(given.get(SERVER, EXAMPLE)))}
        except UsageError:
            return {}

    def stem(self, given: FormValues) -> str:
        """The beginning of the run file's name."""
        return "llm"

    def order(self, given: FormValues) -> LaunchPlan:
        """The loads, one after the other; the server is asked what it is."""
        if SERVER not in given:
            raise FieldError(SERVER, f"Enter the address of a server, such as {EXAMPLE}")
        address = parse_address(given[SERVER])
        metrics = given.get(METRICS, metrics_of(address))
        loads = given.get(CONCURRENCY, USUAL_CONCURRENCY).split(",")
        seconds_s, armed_s = (
            float(given.get(name, usual))
            for name, usual in ((SECONDS, USUAL_SECONDS), (ARMED, USUAL_ARMED))
        )
        options = [
            part
            for name, option in (
                (MODEL, "--model"),
                (CONCURRENCY, "--concurrency"),
                (PROMPTS, "--prompts"),
                (SECONDS, "--seconds"),
                (ARMED, "--armed"),
                (KEY, "--api-key-env"),
            )
            if name in given
            for part in (option, given[name])
        ]
        key = ("--api-key-env", given[KEY]) if KEY in given else ()
        named = () if metrics == NONE else ("--tokens", metrics)
        return LaunchPlan(
            (*OWN, "tokens", "bench", given[SERVER], *options),
            Text.assemble(("LLM server\n", "bold"), f"{address.base}\n"),
            seconds=armed_s + len(loads) * seconds_s,
            steps=(
                Step("armed", f"armed {armed_s:g} s"),
                *(Step("running", f"c{load.strip()} {seconds_s:g} s") for load in loads),
            ),
            dry_run=(*OWN, "tokens", "check", given[SERVER], *named, *key),
            tokens=() if metrics == NONE else (metrics,),
        )


def _refused(parse: Callable[[], object]) -> str | None:
    try:
        parse()
    except (UsageError, OSError) as error:
        return str(error)
    return None


def _wrong_concurrency(text: str) -> str | None:
    good = all(part.strip().isdecimal() and int(part) > 0 for part in text.split(","))
    return None if good else "enter whole numbers, such as 1,8,32"


def _wrong_seconds(text: str) -> str | None:
    try:
        good = 0 <= float(text) < 1e6
    except ValueError:
        good = False
    return None if good else "enter seconds"
