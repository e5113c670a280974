"""Defaults of a person's own, and what is said of wrong ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattui.config import Settings, checked, config_path, load, merged
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


def test_the_command_line_wins_over_the_file(file: Path) -> None:
    file.write_text("rate_hz = 100\nidle_s = 2\n")
    settings = merged(load(file), {"rate_hz": 50.0}, "command line")
    assert (settings.rate_hz, settings.idle_s) == (50.0, 2)


def test_an_unknown_key_is_refused_with_those_that_are_known(file: Path) -> None:
    text = refusal(file, "rate = 100\n")
    assert "'rate'" in text
    assert "rate_hz" in text


@pytest.mark.parametrize(
    ("text", "mend"),
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
        ("rate_hz", "mend or remove"),
        ("[rate_hz]\nx = 1", "a number"),
    ],
)
def test_a_wrong_value_is_refused_with_its_mend(file: Path, text: str, mend: str) -> None:
    assert mend in refusal(file, text)


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
    settings = replace(Settings(), rate_hz=rate_hz)
    if 0.1 <= rate_hz <= 1000:
        assert checked(settings, "here") == settings
    else:
        with pytest.raises(UsageError, match="give"):
            checked(settings, "here")


@given(st.floats(), st.sampled_from(["idle_s", "idle_after_s", "cooldown_s"]))
def test_a_time_is_taken_up_to_a_day(seconds: float, name: str) -> None:
    if 0 <= seconds <= 86_400:
        assert getattr(merged(Settings(), {name: seconds}, "here"), name) == seconds
    else:
        with pytest.raises(UsageError, match="0 to 86400"):
            merged(Settings(), {name: seconds}, "here")


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
