"""Prompts from files and made-up ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from wattui.errors import UsageError
from wattui.tokens.prompts import CHAT, COMPLETION, Prompt, Synthetic, parse_prompts

MESSAGES = [{"role": "user", "content": "Hi"}]


def test_lines_of_text_are_questions_of_a_user(tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("Why is the sky blue?\n\n  Write a poem. \n")
    found = parse_prompts(str(file), 99)
    texts = ("Why is the sky blue?", "Write a poem.")
    assert found == [Prompt(text, CHAT, 99) for text in texts]
    assert isinstance(found[0], Prompt)
    assert found[0].body_for(CHAT)["messages"] == [{"role": "user", "content": texts[0]}]


def test_json_lines_have_prompts_or_messages_and_lengths_of_answers(tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text(
        '{"prompt": "Once upon"}\n'
        '{"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 7, "id": 3}\n'
    )
    assert parse_prompts(str(file), 99) == [
        Prompt("Once upon", COMPLETION, 99),
        Prompt(tuple(MESSAGES), CHAT, 7),
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ('{"prompt": "\\ud800"}', "it is not JSON in UTF-8"),
        ('{"messages": [NaN]}', "it is not JSON"),
        ("[1]", 'expected {"prompt"'),
        ("{}", "it needs either prompt"),
        ('{"prompt": "a", "messages": [1]}', "it needs either prompt"),
        ('{"prompt": 3}', "it needs either prompt"),
        ('{"prompt": "a", "max_tokens": 0}', "max_tokens must be a whole number"),
        ('{"prompt": "a", "max_tokens": true}', "max_tokens must be a whole number"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, why: str) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text('{"prompt": "good"}\n' + line + "\n")
    with pytest.raises(UsageError, match=r"prompts\.jsonl, line 2: ") as error:
        parse_prompts(str(file), 99)
    assert why in str(error.value)


def test_only_a_line_feed_ends_a_line_and_a_byte_order_mark_is_no_part_of_it(
    tmp_path: Path,
) -> None:
    text = "\ufeff" + '{"prompt": "a\u2028b\x85c"}\r\n{"prompt": "d"}\n'
    file = tmp_path / "prompts.jsonl"
    file.write_bytes(text.encode())
    found = [each.content for each in parse_prompts(str(file), 9) if isinstance(each, Prompt)]
    assert found == ["a\u2028b\x85c", "d"]


def test_files_that_are_not_there_empty_or_binary_are_named(tmp_path: Path) -> None:
    empty, binary = tmp_path / "empty.txt", tmp_path / "binary"
    empty.write_text("\n\n")
    binary.write_bytes(b"\xff\xfe\x00")
    for path, why in ((tmp_path / "none", "no such file"), (empty, "no lines"), (binary, "UTF-8")):
        with pytest.raises(UsageError, match=why):
            parse_prompts(str(path), 99)


def test_made_up_prompts_have_sizes() -> None:
    assert parse_prompts("synthetic:512/128", 9) == [Synthetic(512, 128)]
    several = parse_prompts("synthetic:512/128,64/512,512/128", 9)
    assert several == [Synthetic(512, 128), Synthetic(64, 512)]
    for wrong in ("synthetic", "synthetic:", "synthetic:512", "synthetic:0/3", "synthetic:5/6,"):
        with pytest.raises(UsageError, match="expected synthetic:IN/OUT"):
            parse_prompts(wrong, 9)


def test_the_same_made_up_prompt_is_the_same_every_time() -> None:
    made = Synthetic(512, 128)
    assert made.made(40, 3) == made.made(40, 3) != made.made(40, 4)
    assert len(made.made(40, 3).content) > 40
    assert made.made(40, 3).body_for(COMPLETION)["ignore_eos"] is True
