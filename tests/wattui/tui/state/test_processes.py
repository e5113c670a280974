"""The table of processes: its order, its texts, and what the command uses together."""

from __future__ import annotations

from dataclasses import replace

from wattui.tui.state.processes import (
    COLUMNS,
    CPU,
    GPU,
    GPU_MEMORY,
    MEMORY,
    NAME,
    OF_DEVICE,
    PID,
    USER,
    Column,
    Process,
    Processes,
    columns,
    command_text,
    of_device,
    ordered,
    read_processes,
)

INFER = Process(10, "python", "ana", 45.0, 96.04, 2048.0, 900.0, of_command=True)
LOADER = Process(11, "loader", "ana", 5.0, 0.0, 0.0, 1200.4, of_command=True)
GAME = Process(9, "Game", "bob", 12.0, None, None, 300.0, of_command=False)
IDLE = Process(7, "sshd", "root", None, 0.0, 0.0, None, of_command=False)
EVERYTHING = (IDLE, GAME, LOADER, INFER)


def order(by: Column) -> list[int]:
    return [process.pid for process in ordered(EVERYTHING, by)]


def test_numbers_are_sorted_from_the_largest_and_the_unknown_last() -> None:
    assert order(CPU) == [10, 9, 11, 7]
    assert order(GPU) == [10, 11, 7, 9]
    assert order(GPU_MEMORY) == [10, 11, 7, 9]
    assert order(MEMORY) == [11, 10, 9, 7]


def test_names_are_sorted_by_the_alphabet_then_by_use() -> None:
    assert order(NAME) == [9, 11, 10, 7]
    assert order(USER) == [10, 11, 9, 7]


def test_what_is_unknown_is_a_dash_and_never_zero() -> None:
    texts = {column.title: column.text(GAME) for column in COLUMNS}
    assert (texts["GPU %"], texts["GPU MiB"]) == ("–", "–")
    assert CPU.text(IDLE) == "–"
    assert GPU.text(IDLE) == "0.0"
    assert (GPU.text(INFER), GPU_MEMORY.text(INFER)) == ("96.0", "2,048")
    assert PID.text(INFER) == "10"


def test_the_command_is_marked_and_summed() -> None:
    found = Processes(("gpu0",), EVERYTHING)
    assert [COLUMNS[0].text(each) for each in (INFER, GAME)] == ["●", ""]
    assert command_text(found) == (
        "● the command, 2 processes: 50.0 % CPU, 96.0 % GPU, 2,048 MiB on GPUs"
    )
    unseen = replace(LOADER, gpu_pct=None)
    assert "– % GPU" in command_text(Processes(("gpu0",), (INFER, unseen)))
    assert command_text(Processes((), (INFER,))) == "● the command, 1 process: 45.0 % CPU"
    assert command_text(Processes(("gpu0",), (GAME,))) == ""


def test_a_machine_without_gpus_has_no_columns_for_them() -> None:
    assert [column.title for column in columns(())] == [
        *("", "process", "pid", "user", "CPU %", "MiB")
    ]
    assert columns(("gpu0",)) == COLUMNS


def test_the_columns_fit_a_small_terminal() -> None:
    inside = 80 - 2 - 2  # the frame, and the bar for scrolling
    assert sum(column.width + 2 for column in COLUMNS) <= inside
    assert sum(column.width + 2 for column in OF_DEVICE) <= inside


def test_a_gpu_has_its_own_users_with_their_use_of_it_alone() -> None:
    both = replace(INFER, uses={"gpu0": (60.0, 1024.0), "gpu1": (36.0, 1024.0)})
    one = replace(LOADER, gpu_pct=20.0, gpu_mib=64.0, uses={"gpu0": (20.0, 64.0)})
    found = of_device(Processes(("gpu0", "gpu1"), (both, one, IDLE)), "gpu0")
    assert [(p.pid, p.gpu_pct, p.gpu_mib) for p in found.processes] == [
        (10, 60.0, 1024.0),
        (11, 20.0, 64.0),
    ]
    assert [p.share_pct for p in found.processes] == [75.0, 25.0]


def test_shares_of_a_gpu_are_unknown_if_one_user_may_be_hidden() -> None:
    both = replace(INFER, uses={"gpu0": (60.0, 1024.0)})
    (shown,) = of_device(Processes(("gpu0",), (both, GAME)), "gpu0").processes
    assert shown.share_pct is None


def test_shares_of_the_processor_are_of_what_all_use() -> None:
    shares = {p.pid: p.share_pct for p in of_device(Processes((), EVERYTHING), "").processes}
    assert shares == {10: 100 * 45 / 62, 11: 100 * 5 / 62, 9: 100 * 12 / 62, 7: None}


def test_names_that_others_chose_stay_on_their_line() -> None:
    row = [3, "\x1b[31mred", "a\nb", 1.0, 0.0, 0.0, 5.0, False, {}]
    (process,) = read_processes({"gpus": [], "rows": [row], "left_out": 0}).processes
    assert process.name.isprintable()
    assert "\n" not in process.user
    long = replace(process, name="x" * 99, user="y" * 99)
    assert len(NAME.text(long)) == NAME.width
    assert len(USER.text(long)) == USER.width
