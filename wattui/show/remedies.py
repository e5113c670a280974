"""Remedies for flags of a summary whose own text does not give one."""

from __future__ import annotations

from collections.abc import Iterable

from recorders.source import Refusal
from recorders.summary.figures import Flag
from wattui.analysis.results_file import Note

REMEDIES = {
    "failed_repeat": "check the command's output, then record again",
    "failed_command": "check the command's output, then record again",
    "stopped_command": "for figures of the whole command, record again and let it end",
    "under_one_update": "run longer, or run more inferences per phase",
    "incomplete": "to see what is missing and why, run: wattui doctor",
    "unlabelled": "give every running phase a label",
    "concurrent": "run the labels one after the other to get an energy for each",
    "late_edge": "record again with less load, and on a faster disk",
    "lost_marks": "record again; mark fewer phases per second, and keep WATTUI_RUN's directory",
    "mixed_marks": "mark parallel work with wattui.phase(), or record each shell separately",
    "refused_mark": "correct the mark named in the flag",
    "aligned": "let nothing else run meanwhile, as its power would be taken for quiet",
    "left_pass": "let the loop end by itself: choose its length with seconds or target",
    "target_missed": "allow more seconds in wattui.repeat(), or a wider target",
    "counted_at_request_end": "let all requests of a phase end in it, or wait longer for them",
    "rounded_counts": "restart the server before recording, so that it counts from 0",
    "server_unread": "follow the fix in the flag, then record again",
    "no_series": "correct the labels; `wattui tokens check SERVER --tokens URL#METRIC` tries them",
    "server_restarted": "record again; the server's log says why it restarted",
    "unaligned": "use longer phases, or run the work many times in one",
    "cut_text": "use labels and notes of at most 4096 bytes",
    "estimated": "measure instead: `wattui doctor` says what each sensor needs",
    "simulated": "omit --simulate for a real measurement",
    "manual": "read the meter more often, in every idle and running phase",
    "no_running": "mark the running phase with space, or with wattui.phase() in the program",
    "gap": "the energy is correct; for the power curve, record again with less load",
    "reset": "record again without suspending the machine or reloading drivers",
    "lost": "check the driver's log, and that the device stays awake, then record again",
    "dropped": "nothing to do; if it happens often, do not trust this sensor",
    "implausible": "do not use this channel; to see every sensor's reading, run: wattui doctor",
    "wall_estimate": "calibrate this machine again: wattui calibrate --meter NAME --save",
    "headline": "to quote energies from the total, leave out --per-inference-from",
    "silent": "check the meter, its network and its power, then record again",
    "multiplexed": "record fewer counters at once",
    "still_counter": "record on the host, or leave these counters out",
    "stuck": "record again; if it happens again, do not trust this sensor",
    "bridged_edge": "use longer phases, so that the energy between the two readings matters less",
    "integrated": "use longer phases, and a higher --rate if the sensor is fast enough",
    "old_idle": "use an idle log of the same day: --idle LOG",
    "per_phase": "for an error bar, repeat the runs, or record them with wattui",
    "untimed": "for an error bar, log with a tool that writes the time of each reading",
    "short_window": "run longer, or run more inferences per phase",
    "negative_difference": "run longer, and use --repeats",
    "below_resolution": "run longer, use a longer --idle baseline, or use --repeats",
    "idle_drift": "let the machine rest longer: --cooldown 60, and --idle-after to see the drift",
    "throttling": "cool the machine, or lock the clock at a frequency that it can sustain",
    "held_back": "compare only runs that were held back alike, or lower the load or the clocks",
    "thermal_drift": "warm the machine up before measuring, and trust the later repeats",
    "foreign_load": "close other programs, then record again",
    "unknown_share": "record as the user that the command's processes run as, or as root",
    "unfinished": "the recording is valid up to that point; record again for the rest",
    "run_file": "record again, to a file that no other program touches",
    "stated_count": "call wattui.count() in the program, so that the next recording counts itself",
    "unmatched": "use a simpler pattern, print less, or call wattui.count() in the program",
    "which_gpu": "export CUDA_DEVICE_ORDER=PCI_BUS_ID for both wattui and the program",
    "only_package": "make the card's own counter readable, as wattui doctor says, and record again",
    "hidden_gpus": "to record them as well, add --all-gpus",
    "mig": "keep the GPU's other instances idle while recording",
}


def warnings(refusals: Iterable[Refusal]) -> list[str]:
    """Warnings before a recording starts, each on a line with its fix."""
    found = [refusal for refusal in refusals if refusal.warns]
    return [f"{r.source}: {r.reason}" + (f": fix: {r.remedy}" if r.remedy else "") for r in found]


def notes_of(flags: Iterable[Flag]) -> tuple[Note, ...]:
    """The flags with their remedies; empty where the text gives one, or there is none."""
    return tuple(Note(f.name, f.where, f.text, REMEDIES.get(f.name, "")) for f in flags)
