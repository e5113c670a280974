"""The prompts of a load: lines of a file, or made-up words of a known number of tokens."""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wattui.errors import UsageError, unreadable

CHAT, COMPLETION = "chat/completions", "completions"
SYNTHETIC = "synthetic"
_SIZES = re.compile(r"([1-9][0-9]{0,6})/([1-9][0-9]{0,6})")
USUAL = "synthetic:512/128"
# Common words, most of which are one token of most models.
_WORDS = (
    "time year people way day man thing woman life child world school state family student group "
    "country problem hand part place case week company system program question work government "
    "number night point home water room mother area money story fact month lot right study book "
    "eye job word business issue side kind head house service friend father power hour game line "
    "end member law car city"
)


@dataclass(frozen=True, slots=True)
class Prompt:
    """One request: `content` is a text or a list of messages; `endpoint` the end of its address.

    `is_fixed`: exactly `max_tokens` are wanted, even if the model would end earlier.
    """

    content: str | tuple[Any, ...]
    endpoint: str
    max_tokens: int
    is_fixed: bool = False

    @property
    def size(self) -> int:
        """Its length in characters."""
        return len(self.content if isinstance(self.content, str) else json.dumps(self.content))

    def body_for(self, endpoint: str) -> dict[str, Any]:
        """Its part of a request's body."""
        fixed = {"ignore_eos": True} if self.is_fixed else {}
        if endpoint == COMPLETION:
            return {"prompt": self.content, "max_tokens": self.max_tokens, **fixed}
        messages = self.content
        if isinstance(messages, str):
            messages = ({"role": "user", "content": messages},)
        return {"messages": list(messages), "max_tokens": self.max_tokens, **fixed}


@dataclass(frozen=True, slots=True)
class Synthetic:
    """Prompts of random words, each different, so that no cache of the server knows them; nor from
    an earlier load, if that had another `seed`."""

    tokens_in: int
    tokens_out: int
    seed: int = 1

    @property
    def name(self) -> str:
        """Its name in labels."""
        return f"{self.tokens_in}+{self.tokens_out}"

    def made(self, words: int, number: int) -> Prompt:
        """A prompt of so many words; the same for the same number and seed."""
        text = " ".join(random.Random(f"{self.seed} {number}").choices(_WORDS.split(), k=words))
        return Prompt(text, COMPLETION, self.tokens_out, is_fixed=True)

    def every_word(self, times: int) -> Prompt:
        """A prompt with every word that there is, so many times, in one order."""
        words = _WORDS.split()
        random.Random(str(self.seed)).shuffle(words)
        return Prompt(" ".join(words * times), COMPLETION, 1, is_fixed=True)

    def endless(self, words: int) -> Iterator[Prompt]:
        """One prompt after the other."""
        return (self.made(words, number) for number in itertools.count())


def words_known() -> int:
    """How many words there are."""
    return len(_WORDS.split())


def parse_prompts(text: str, max_tokens: int, seed: int = 1) -> list[Synthetic] | list[Prompt]:
    """The prompts that an option asks for; `max_tokens` for lines that say nothing of it, `seed`
    for made-up ones.

    Raises UsageError.
    """
    kind, colon, sizes = text.partition(":")
    if kind == SYNTHETIC and (colon or not Path(text).exists()):
        found = [_SIZES.fullmatch(each) for each in sizes.split(",")]
        known = [Synthetic(int(each[1]), int(each[2]), seed) for each in found if each]
        if len(known) < len(found):
            raise UsageError(f"--prompts {text}: expected synthetic:IN/OUT, as in {USUAL}")
        return list(dict.fromkeys(known))
    try:
        lines = Path(text).read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise UsageError(f"--prompts {text}: it is not a text in UTF-8") from None
    except OSError as error:
        raise unreadable(f"--prompts {text}", error) from None
    is_jsonl = text.endswith((".jsonl", ".json"))
    read = _from_json if is_jsonl else _from_text
    prompts = [
        read(line, f"--prompts {text}, line {place}", max_tokens)
        for place, line in enumerate(lines, 1)
        if line.strip()
    ]
    if not prompts:
        raise UsageError(f"--prompts {text}: it has no lines: fix: write one prompt a line")
    return prompts


def _from_text(line: str, _: str, max_tokens: int) -> Prompt:
    return Prompt(line.strip(), CHAT, max_tokens)


def _from_json(line: str, where: str, max_tokens: int) -> Prompt:
    """A prompt from `{"prompt": …}` or `{"messages": […]}`. Raises UsageError."""
    try:
        found = json.loads(line)
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise UsageError(f"{where}: it is not JSON in UTF-8") from None
    if not isinstance(found, dict):
        raise UsageError(f'{where}: expected {{"prompt": "…"}} or {{"messages": […]}}')
    most = found.get("max_tokens", max_tokens)
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:
        raise UsageError(f"{where}: max_tokens must be a whole number, at least 1")
    prompt, messages = found.get("prompt"), found.get("messages")
    if isinstance(prompt, str) and prompt and messages is None:
        return Prompt(prompt, COMPLETION, most)
    if isinstance(messages, list) and messages and prompt is None:
        return Prompt(tuple(messages), CHAT, most)
    raise UsageError(f"{where}: it needs either prompt, a text, or messages, a list")
