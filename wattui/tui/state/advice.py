"""Advice as the dashboard words it: by its keys and forms, where it has one. Pure."""

from __future__ import annotations

from collections.abc import Mapping

DOCTOR, SETTINGS, FORM = "press d on the graphs", "in the settings (,)", "in the launch form (l)"
# What the command line says, and what the screens say instead.
WORDS: Mapping[str, str] = {
    "run: wattui doctor": DOCTOR,
    "`wattui doctor` says what each sensor needs": f"{DOCTOR} to see what each sensor needs",
    "as wattui doctor says": "as d on the graphs says",
    "a higher --rate if the sensor is fast enough": (
        f"if the sensor is fast enough, a higher sampling rate {SETTINGS}"
    ),
    "run longer, and use --repeats": f"run longer, and ask for repeats {FORM}",
    "use a longer --idle baseline, or use --repeats": (
        f"or ask for a longer idle baseline or repeats {FORM}"
    ),
    "--cooldown 60, and --idle-after to see the drift": (
        f"a cool-down of 60 s, and idle after to see the drift, {FORM}"
    ),
    "--idle 60 --idle-after 60": f"60 s of idle before and after {FORM}",
    "--cooldown 60": f"a cool-down of 60 s {FORM}",
    "add --all-gpus": f"switch on all GPUs {SETTINGS}",
    "use --all-gpus to record them too": f"switch on all GPUs {SETTINGS} to record them too",
    "disabled (--no-estimate)": f"switched off {SETTINGS}",
    "; use --inferences N or --count-match REGEX, or call wattui.count() in the program": "",
    "; record with --idle 10, or import with --idle LOG": (
        "; a command that is launched with l begins with one"
    ),
}


def with_keys(text: str) -> str:
    """Advice without the options of the command line that a key or a form stands for."""
    for said, instead in WORDS.items():
        text = text.replace(said, instead)
    return text
