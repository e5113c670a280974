"""What to do about the flags of a summary whose own text does not say it."""

from __future__ import annotations

REMEDIES = {
    "failed_repeat": "see what the command printed, then record again",
    "failed_command": "see what the command printed, then record again",
    "under_one_update": "run longer, or make more inferences in a phase",
    "incomplete": "to add what is missing, run: wattui doctor",
    "estimated": "measure instead: `wattui doctor` says what each sensor needs",
    "simulated": "leave out --simulate for a measurement",
    "manual": "read the meter more often, in every idle and running phase",
    "no_running": "mark running with space, or with wattui.phase() in the program",
    "gap": "the energy is right; for its course in time, record again with less load",
    "reset": "record again without suspending the machine or reloading drivers",
    "lost": "look at the driver's log, then record again",
    "stuck": "record again; if it happens again, do not trust this sensor",
    "bridged_edge": "longer phases make the energy between the two readings matter less",
    "integrated": "longer phases, and a higher --rate where the sensor is quick enough",
    "old_idle": "give an idle log of the same day: --idle LOG",
    "per_phase": "for an error bar, repeat the runs, or record them with wattui",
    "short_window": "run longer, or make more inferences in a phase",
    "negative_difference": "run longer, and with --repeats",
    "below_resolution": "run longer, take a longer --idle baseline, or use --repeats",
    "idle_drift": "let the machine rest longer: --cooldown 60, and --idle-after to see the drift",
    "throttling": "cool the machine, or fix a clock that it can keep up",
    "thermal_drift": "warm it up before measuring, and judge by the later repeats",
    "foreign_load": "end other programs, then record again",
    "unfinished": "what was recorded until then counts; record again for the rest",
    "which_gpu": "export CUDA_DEVICE_ORDER=PCI_BUS_ID for wattui and the program",
    "hidden_gpus": "to record them as well, add --all-gpus",
    "mig": "keep the GPU's other instances idle while recording",
}
