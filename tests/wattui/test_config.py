"""The user's settings, and error messages for invalid ones."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattui.config import OPTIONS, Settings, config_path, from_options, load, save
from wattui.errors import UsageError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def refusal(file: Path, text: str) -> str:
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        load(file)
    assert "\n" not in str(caught.value)
    assert str(file) in str(caught.value)
    return str(caught.value)


def test_without_a_file_the_defaults_hold(file: Path) -> None:
    assert load(file) == Settings()
    assert (Settings().rate_hz, Settings().idle_s, Settings().estimate) == (10.0, 10.0, True)


def test_an_empty_file_changes_nothing(file: Path) -> None:
    file.touch()
    assert load(file) == Settings()


def test_a_file_sets_what_it_names(file: Path) -> None:
    file.write_text("rate_hz = 100\nidle_s = 2.5\nestimate = false\ntdp_w = 65\n")
    assert load(file) == Settings(rate_hz=100, idle_s=2.5, estimate=False, tdp_w=65)


def test_words_and_lists_are_taken(file: Path) -> None:
    file.write_text("theme = 'light'\nunits = 'Wh'\nmeter = ''\ngraphs = ['DRAM', 'CPU package']\n")
    settings = load(file)
    assert (settings.theme, settings.units, settings.meter) == ("light", "Wh", "")
    assert settings.graphs == ("DRAM", "CPU package")


def options(**changed: object) -> Namespace:
    """A parsed command line that changes these settings."""
    words = {name: option.strip("-").replace("-", "_") for name, option in OPTIONS.items()}
    return Namespace(**{word: changed.get(name) for name, word in words.items()})


def test_the_command_line_wins_over_the_file(file: Path) -> None:
    file.write_text("rate_hz = 100\nidle_s = 2\n")
    settings = replace(load(file), **from_options(options(rate_hz=50.0)))
    assert (settings.rate_hz, settings.idle_s) == (50.0, 2)


def test_an_unknown_key_is_refused_with_those_that_are_known(file: Path) -> None:
    assert "'rate': did you mean rate_hz?" in refusal(file, "rate = 100\n")
    assert "'thema': did you mean theme?" in refusal(file, "thema = 'light'\n")
    text = refusal(file, "zzz = 1\n")
    assert "use one of all_gpus, ascii" in text


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("rate_hz = 'fast'", "a number"),
        ("rate_hz = true", "a number"),
        ("rate_hz = [1]", "a number"),
        ("idle_s = 2026-01-01", "a number"),
        ("estimate = 1", "true or false"),
        ("all_gpus = 'yes'", "true or false"),
        ("rate_hz = 0", "0.1 to 1000"),
        ("rate_hz = 1e6", "0.1 to 1000"),
        ("rate_hz = nan", "0.1 to 1000"),
        ("idle_s = -1", "0 to 86400"),
        ("cooldown_s = inf", "0 to 86400"),
        ("tdp_w = 0", "1 to 10000"),
        ("rate_hz", "correct or remove"),
        ("[rate_hz]\nx = 1", "a number"),
        ("theme = 'drak'", "one of dark, light, high-contrast, colour-blind"),
        ("theme = 1", "one of dark"),
        ("units = ['J']", "one of auto, J, mJ, Wh"),
        ("ascii = 'no'", "true or false"),
        ("meter = 'the wall'", "letters, digits and underscores"),
        ("meter = 3", "letters, digits and underscores"),
        ("graphs = 'DRAM'", "a list of titles"),
        ("graphs = [1]", "a list of titles"),
        ("screen_hz = 60", "1 to 10"),
        ("counters = 'cycles'", "a list of names, such as instructions"),
        ("counters = ['a b']", "a list of names, such as instructions"),
    ],
)
def test_a_wrong_value_is_refused_with_its_fix(file: Path, text: str, fix: str) -> None:
    assert fix in refusal(file, text)


def test_a_refused_meter_does_not_show_the_secrets_of_the_others(file: Path) -> None:
    wrong = ["a=exec:sh -c 'read_it --token hunter2'", "b=http://me:hunter2@plug:99999/"]
    with pytest.raises(UsageError, match=r"^--meter: meter b: an address must not") as refused:
        from_options(options(meters=wrong))
    assert "hunter2" not in str(refused.value)
    shown = refusal(file, f"meters = {wrong}")
    assert "meters: meter b: an address must not contain" in shown
    assert "hunter2" not in shown


def test_a_file_that_is_not_text_is_refused(file: Path) -> None:
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        load(file)


def test_a_directory_in_place_of_the_file_is_refused(file: Path) -> None:
    file.mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        load(file)


@given(st.floats())
def test_a_rate_is_taken_in_its_range_and_refused_outside(rate_hz: float) -> None:
    if 0.1 <= rate_hz <= 1000:
        assert from_options(options(rate_hz=rate_hz)) == {"rate_hz": rate_hz}
    else:
        with pytest.raises(UsageError, match=r"^--rate .*: must be 0.1 to 1000 Hz$"):
            from_options(options(rate_hz=rate_hz))


@given(st.floats(), st.sampled_from(["idle_s", "idle_after_s", "cooldown_s"]))
def test_a_time_is_taken_up_to_a_day(seconds: float, name: str) -> None:
    if 0 <= seconds <= 86_400:
        assert from_options(options(**{name: seconds})) == {name: seconds}
    else:
        with pytest.raises(UsageError, match=f"^{OPTIONS[name]} .* 0 to 86400 seconds$"):
            from_options(options(**{name: seconds}))


@given(st.text(max_size=60))
def test_any_text_is_settings_or_one_line_of_refusal(text: str) -> None:
    said = ""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "config.toml"
        path.write_text(text, encoding="utf-8")
        try:
            load(path)
        except UsageError as error:
            said = str(error)
    assert len(said.splitlines()) <= 1


def test_the_environment_may_name_the_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATTUI_CONFIG", str(file))
    assert config_path() == file


def test_else_it_is_where_the_platform_keeps_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WATTUI_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert config_path() == tmp_path / "wattui" / "config.toml"


# ---------------------------------------------------------------- saving

COMMENTED = "# mine\nidle_s = 5  # short\n\n# for the cluster\nrate_hz = 100\n"


def test_saving_keeps_comments_order_and_what_did_not_change(file: Path) -> None:
    file.write_text(COMMENTED)
    save(file, {"idle_s": 20.0, "theme": "light"})
    expected = COMMENTED.replace("idle_s = 5 ", "idle_s = 20.0 ") + 'theme = "light"\n'
    assert file.read_text() == expected
    assert load(file) == Settings(idle_s=20, rate_hz=100, theme="light")


def test_saving_nothing_new_changes_no_byte(file: Path) -> None:
    file.write_text(COMMENTED)
    save(file, {})
    assert file.read_text() == COMMENTED


def test_saving_makes_folder_and_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "config.toml"
    save(path, {"graphs": ("DRAM", "CPU")})
    assert load(path).graphs == ("DRAM", "CPU")
    assert [each.name for each in path.parent.iterdir()] == ["config.toml"]


def test_a_key_is_taken_out_by_none(file: Path) -> None:
    file.write_text("tdp_w = 65\nrate_hz = 20\n")
    save(file, {"tdp_w": None})
    assert load(file) == Settings(rate_hz=20)


def test_a_link_to_a_file_stays_a_link(file: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.touch(mode=0o600)
    file.symlink_to(real)
    save(file, {"rate_hz": 50.0})
    assert file.is_symlink()
    assert load(real).rate_hz == 50
    assert real.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_not_toml_is_not_written_over(file: Path) -> None:
    file.write_text("rate_hz = = 3\n")
    with pytest.raises(UsageError, match=r"not TOML.*correct or remove"):
        save(file, {"rate_hz": 50.0})
    assert file.read_text() == "rate_hz = = 3\n"


def test_a_folder_that_is_a_file_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be") as caught:
        save(tmp_path / "file" / "config.toml", {"rate_hz": 50.0})
    assert "\n" not in str(caught.value)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "rate_hz": st.floats(0.1, 1000),
            "estimate": st.booleans(),
            "theme": st.sampled_from(["dark", "light"]),
            "graphs": st.lists(st.text(st.characters(exclude_categories=("Cs",)))).map(tuple),
            "tdp_w": st.none() | st.floats(1, 1e4),
        },
    )
)
def test_what_was_saved_is_loaded(changes: dict[str, object]) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "config.toml"
        path.write_text(COMMENTED)
        before = load(path)
        save(path, changes)
        assert load(path) == replace(before, **changes)
