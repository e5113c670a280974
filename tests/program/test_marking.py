"""Phases that a command marks, from Python, shells and the command line."""

from __future__ import annotations

import json
import shlex
import time

import pytest

from recorders.client import Client, Config
from recorders.wire import Message
from wattui.tui.state.live import Live

from .running import (
    WATTUI,
    Place,
    edges,
    events,
    last_count,
    python,
    shell,
)

SIMULATED = ("--simulate", "--no-estimate", "--quiet")
RUNNING = [("begin", "running", ""), ("end", "running", "")]
MARK = shlex.join([*WATTUI, "mark"])


def test_marks_from_python(place: Place) -> None:
    code = (
        "import time, wattui\n"
        "with wattui.phase('armed'): time.sleep(0.1)\n"
        "with wattui.phase('warmup'): wattui.count(2)\n"
        "wattui.note('half, \"quoted\" and é')\n"
        "with wattui.phase('running', label='b32'):\n"
        " for _ in range(100): wattui.count(32)\n"
        " time.sleep(0.1)\n"
    )
    place.record(*SIMULATED, command=python(code))
    rows = place.rows()
    assert edges(rows) == [
        ("begin", "loading", ""),
        ("end", "loading", ""),
        ("begin", "armed", ""),
        ("end", "armed", ""),
        ("begin", "warmup", ""),
        ("end", "warmup", ""),
        ("begin", "running", "b32"),
        ("end", "running", "b32"),
    ]
    assert 'half, "quoted" and é' in events(rows, "note:")
    assert last_count(rows) == "3202"
    running = place.run_json()["summary"]["running"]
    assert running["inferences"] == 3200
    assert running["domains"]["sim_cpu"]["marginal_j_per_inference"] is not None


def test_a_command_that_marks_for_itself_was_loading_until_then(place: Place) -> None:
    code = (
        "import time; time.sleep(0.4)\n"
        "import wattui\n"
        "with wattui.phase('running'): time.sleep(0.3)\n"
        "time.sleep(0.2)\n"
    )
    place.record(*SIMULATED, "--rate", "50", command=python(code))
    rows = place.rows()
    assert edges(rows) == [("begin", "loading", ""), ("end", "loading", ""), *RUNNING]
    loading = [row for row in rows if row["phase"] == "loading" and not row["event"]]
    assert len(loading) > 10
    running_s = place.run_json()["summary"]["running"]["seconds"]
    assert 0.29 < running_s < 0.45


def test_phases_nest_and_the_inner_one_owns_the_row(place: Place) -> None:
    code = (
        "import time, wattui\n"
        "with wattui.phase('running', label='epoch 1'):\n"
        " with wattui.phase('running', label='train'):\n"
        "  with wattui.phase('copy', label='to device'): time.sleep(0.1)\n"
        " with wattui.phase('running', label='test'): time.sleep(0.1)\n"
    )
    place.record(*SIMULATED, command=python(code))
    assert edges(place.rows())[2:] == [
        ("begin", "running", "epoch 1"),
        ("begin", "running", "epoch 1/train"),
        ("begin", "copy", "epoch 1/train/to device"),
        ("end", "copy", "epoch 1/train/to device"),
        ("end", "running", "epoch 1/train"),
        ("begin", "running", "epoch 1/test"),
        ("end", "running", "epoch 1/test"),
        ("end", "running", "epoch 1"),
    ]
    run = place.run_json()["summary"]
    outer = next(phase for phase in run["phases"] if phase["label"] == "epoch 1")
    assert run["running"]["seconds"] == pytest.approx(outer["end_s"] - outer["start_s"])
    assert run["running"]["domains"]["sim_cpu"]["running_j"]["value"] == pytest.approx(
        outer["energy_j"]["sim_cpu"]
    )


def test_a_phase_ends_where_an_error_leaves_it(place: Place) -> None:
    code = (
        "import wattui\n"
        "try:\n"
        " with wattui.phase('warmup'): raise KeyError('mine')\n"
        "except KeyError: wattui.note('caught')\n"
        "import os; wattui.phase('running').__enter__(); os._exit(8)"
    )
    assert place.record(*SIMULATED, command=python(code)).status == 8
    rows = place.rows()
    assert edges(rows)[2:] == [("begin", "warmup", ""), ("end", "warmup", ""), *RUNNING]
    assert "caught" in events(rows, "note:")


def test_marks_from_the_command_line(place: Place) -> None:
    script = (
        f"{MARK} armed; sleep 0.1; {MARK} running --label 'b 32'; sleep 0.2;"
        f"{MARK} --count 5; {MARK} --note 'from a shell'; {MARK} --end; sleep 0.1"
    )
    place.record(*SIMULATED, command=shell(script))
    rows = place.rows()
    assert edges(rows)[2:] == [
        ("begin", "armed", ""),
        ("end", "armed", ""),
        ("begin", "running", "b 32"),
        ("end", "running", "b 32"),
    ]
    assert "from a shell" in events(rows, "note:")
    assert last_count(rows) == "5"
    assert place.run_json()["summary"]["running"]["inferences"] == 5


PARALLEL = (
    f"( {MARK} running --label a; touch a; until [ -e b ]; do sleep 0.05; done ) & "
    f"( until [ -e a ]; do sleep 0.05; done; {MARK} running --label b; touch b; {MARK} --end ) & "
    "wait"
)


def test_shells_that_end_each_others_marks_are_flagged(place: Place) -> None:
    place.record(*SIMULATED, command=shell(PARALLEL))
    summary = place.run_json()["summary"]
    (flag,) = (flag for flag in summary["flags"] if flag["name"] == "mixed_marks")
    assert flag["where"] == "running a"
    assert events(place.rows(), "note:mixed_marks ") == ["running a"]
    shown = place.run([*WATTUI, "summary", "--json", str(place.csv)])
    assert json.loads(shown.out) == summary
    place.csv.with_suffix(".json").unlink()
    alone = place.run([*WATTUI, "summary", "--json", str(place.csv)])
    assert flag in json.loads(alone.out)["flags"]


@pytest.mark.parametrize(
    "script",
    [
        f"( {MARK} running --label a; true ); {MARK} running --label b; {MARK} --end",
        f"{MARK} running --label a; sh -c {shlex.quote(f'{MARK} running --label b; true')}; true",
        f"{MARK} running --label a; echo running b > $WATTUI_RUN/mark; sleep 0.2; {MARK} --end",
    ],
    ids=["an ended subshell", "a child", "the pipe"],
)
def test_marks_made_one_after_another_are_not_flagged(place: Place, script: str) -> None:
    place.record(*SIMULATED, command=shell(script))
    summary = place.run_json()["summary"]
    assert [group["label"] for group in summary["labels"]] == ["a", "b"]
    assert "mixed_marks" not in [flag["name"] for flag in summary["flags"]]


def test_marks_from_one_line_of_shell(place: Place) -> None:
    script = (
        'echo running b32 > "$WATTUI_RUN/mark"; sleep 0.2; echo +7 > "$WATTUI_RUN/mark";'
        'echo note: by hand > "$WATTUI_RUN/mark"; echo running b64 > "$WATTUI_RUN/mark";'
        'sleep 0.2; echo end > "$WATTUI_RUN/mark"; sleep 0.1; echo > "$WATTUI_RUN/mark"'
    )
    assert place.record(*SIMULATED, command=shell(script)).status == 0
    rows = place.rows()
    assert edges(rows)[2:] == [
        ("begin", "running", "b32"),
        ("end", "running", "b32"),
        ("begin", "running", "b64"),
        ("end", "running", "b64"),
    ]
    assert "by hand" in events(rows, "note:")
    assert last_count(rows) == "7"
    assert [group["label"] for group in place.run_json()["summary"]["labels"]] == ["b32", "b64"]


def test_a_mark_written_just_before_the_end_is_kept(place: Place) -> None:
    script = 'echo +3 > "$WATTUI_RUN/mark"'
    place.record(*SIMULATED, command=shell(script))
    assert last_count(place.rows()) == "3"


def test_rubbish_in_the_pipe_of_marks_disturbs_nothing(place: Place) -> None:
    script = (
        'head -c 3000 /dev/urandom > "$WATTUI_RUN/mark"; echo >"$WATTUI_RUN/mark";'
        'printf "+2\\n\\377\\376 odd\\n" > "$WATTUI_RUN/mark"; sleep 0.2; exit 3'
    )
    assert place.record(*SIMULATED, command=shell(script)).status == 3
    assert place.rows()
    assert place.run_json()["status"] == "finished"


ASK = (
    "import json, os, socket, sys\n"
    "link = socket.socket(socket.AF_UNIX)\n"
    "link.connect(os.environ['WATTUI_RUN'] + '/socket')\n"
    "for line in sys.argv[1:]:\n"
    " link.sendall(line.encode() + b'\\n')\n"
    " print(link.makefile().readline(), end='', flush=True)\n"
)


def test_any_program_may_take_the_last_mark_back(place: Place) -> None:
    asked = [
        {"do": "mark", "phase": "mine", "label": 'a, "b"'},
        {"do": "mark", "phase": "mistake"},
        {"do": "undo"},
        {"do": "begin", "phase": "inside"},
        {"do": "undo"},
        {"do": "meter", "name": "wall", "power_w": 1},
    ]
    command = python(ASK, *map(json.dumps, asked))
    answers = place.record(*SIMULATED, command=command).out.decode().splitlines()
    errors = [json.loads(answer).get("error") for answer in answers]
    assert errors[:4] == [None] * 4
    assert errors[4] == "undo: other phases have begun or ended since"
    assert "unknown wall meter 'wall'" in errors[5]
    rows = place.rows()
    assert edges(rows) == [
        ("begin", "running", ""),
        ("begin", "mine", 'a, "b"'),
        ("begin", "inside", 'a, "b"'),
        ("end", "inside", 'a, "b"'),
        ("end", "mine", 'a, "b"'),
        ("end", "running", ""),
    ]
    assert events(rows, "note:undone ") == ["mark mistake"]


def test_after_an_undo_and_readings_by_hand_every_summary_is_the_same(place: Place) -> None:
    messages: list[Message] = []
    config = Config(
        csv=place.csv,
        rate_hz=50.0,
        estimate=False,
        simulate=True,
        follow=True,
        meters=["wall"],
    )
    client = Client(config, messages.append)
    live = Live(client.wait_ready()["columns"])
    client.request(do="rows", rate_hz=10.0)
    for message in (
        {"do": "mark", "phase": "idle"},
        {"do": "meter", "name": "wall", "power_w": 50.1},
        {"do": "mark", "phase": "running", "label": 'b "1", wide'},
        {"do": "undo"},
        {"do": "mark", "phase": "running", "label": "b1"},
        {"do": "count", "n": 10},
        {"do": "meter", "name": "wall", "voltage_v": 230.1, "current_a": 0.4485},
        {"do": "meter", "name": "wall", "power_w": 101.7},
        {"do": "mark", "phase": ""},
    ):
        time.sleep(0.06)
        assert "error" not in client.request(**message)
    own = client.finish().summary.to_dict()
    for message in messages:
        if message["t"] in ("row", "event", "renamed", "undone"):
            live.take(message)
    shown = place.run([*WATTUI, "summary", "--json", str(place.csv)])
    assert json.loads(shown.out) == own == json.loads(json.dumps(live.summary().to_dict()))
    assert place.run_json()["summary"] == own
    rows = place.rows()
    assert edges(rows) == [
        ("begin", "idle", ""),
        ("end", "idle", ""),
        ("begin", "running", "b1"),
        ("end", "running", "b1"),
    ]
    assert events(rows, "note:undone ") == ['mark running b "1", wide']
    assert "wall 103.2 W (230.1 V × 0.4485 A, power factor not known)" in events(
        rows, "note:meter "
    )
    running = own["running"]
    assert running["inferences"] == 10
    wall = running["domains"]["meter_wall"]
    assert wall["origin"] == "manual"
    assert wall["idle_w"] == pytest.approx(50.1)
    assert wall["running_w"] == pytest.approx((230.1 * 0.4485 + 101.7) / 2, abs=1e-6)
    assert "manual" in [flag["name"] for flag in own["flags"]]


@pytest.mark.quiet
def test_a_flood_of_marks_leaves_time_for_sampling(place: Place) -> None:
    """64 KiB of marks were taken at a time: of 100 readings a second 12 were made."""
    flood = 'yes "running b" | tr -s x > "$WATTUI_RUN/mark"'
    script = f"sleep 0.2; timeout 1.5 sh -c '{flood}'; exit 7"
    result = place.record("--rate", "100", command=shell(script))
    assert result.status == 7
    sampling = place.run_json()["sampling"]
    assert sampling["missed"] < sampling["ticks"] / 2
    assert sum(row["event"] == "begin" for row in place.rows()) > 100
