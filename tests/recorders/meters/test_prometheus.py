"""Series of exporters as meters: units, repeats of a board, zones, and pages that say nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorders.meters.meter import Access, Sample, SpecError, UnreadableError, checked
from recorders.meters.specs import parse_spec
from recorders.meters.web import Answer
from tests.support.meters import plug

pytest.importorskip("prometheus_client", reason="no prometheus-client: wattui[prometheus]")
prometheus = pytest.importorskip("recorders.meters.prometheus")

BOARD = 'gpu="0",UUID="GPU-5e",device="nvidia0",modelName="NVIDIA A100",Hostname="n1"'
MIG = "\n".join(
    f'DCGM_FI_DEV_POWER_USAGE{{{BOARD},GPU_I_PROFILE="1g.10gb",GPU_I_ID="{i}"}} 52.636'
    for i in (7, 8, 9, 10)
)
DCGM = f"""# HELP DCGM_FI_DEV_POWER_USAGE Power draw (in W).
# TYPE DCGM_FI_DEV_POWER_USAGE gauge
{MIG}
# HELP DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION Total energy consumption since boot (in mJ).
# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{{{BOARD}}} 123456789
"""
KEPLER = """# TYPE kepler_node_cpu_joules_total counter
kepler_node_cpu_joules_total{node_name="n1",path="/sys/0",zone="package"} 1.5e+06
kepler_node_cpu_joules_total{node_name="n1",path="/sys/1",zone="core"} 1.1e+06
kepler_node_cpu_joules_total{node_name="n1",path="/sys/2",zone="psys"} 2.5e+06
# TYPE kepler_platform_watts gauge
kepler_platform_watts{source="redfish",node_name="n1",bmc_id="b",chassis_id="1"} 450
"""
SCAPHANDRE = """# TYPE scaph_host_power_microwatts gauge
scaph_host_power_microwatts 31250000
# TYPE scaph_host_energy_microjoules counter
scaph_host_energy_microjoules 4000000
# TYPE scaph_socket_power_microwatts gauge
scaph_socket_power_microwatts{socket_id="0"} 12000000
scaph_socket_power_microwatts{socket_id="1"} 13000000
"""
NODE = """# TYPE node_rapl_package_joules_total counter
node_rapl_package_joules_total{index="0",path="/sys/class/powercap/intel-rapl:0"} 262143.5
# TYPE node_hwmon_power_average_watt gauge
node_hwmon_power_average_watt{chip="platform_a",sensor="power1"} 63.5
# TYPE lab_supply_milliwatts gauge
lab_supply_milliwatts 5000
# TYPE ups_output_watts gauge
ups_output_watts 300 999000
"""


def sampled(page: str, series: str, now_s: float = 1000.0) -> Sample:
    selector = prometheus.parse_selector(series)
    access = Access("wall", wall_s=lambda: now_s)
    found: Sample = prometheus.page_sample(Answer(page.encode(), {}, 10**13), selector, access)
    return found


@pytest.mark.parametrize(
    ("page", "series", "power_w", "energy_j"),
    [
        (DCGM, "DCGM_FI_DEV_POWER_USAGE", 52.636, None),
        (DCGM, 'DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0"}', None, 123456.789),
        (KEPLER, "kepler_node_cpu_joules_total{zone=package}", None, 1.5e6),
        (KEPLER, "kepler_platform_watts", 450, None),
        (SCAPHANDRE, "scaph_host_power_microwatts", 31.25, None),
        (SCAPHANDRE, "scaph_host_energy_microjoules", None, 4),
        (SCAPHANDRE, 'scaph_socket_power_microwatts{socket_id="1"}', 13, None),
        (NODE, "node_rapl_package_joules_total", None, 262143.5),
        (NODE, "node_hwmon_power_average_watt{sensor=power1, chip=platform_a}", 63.5, None),
        (NODE, "W=lab_supply_milliwatts*0.001", 5, None),
    ],
)
def test_a_series_has_its_unit(
    page: str, series: str, power_w: float | None, energy_j: float | None
) -> None:
    found = sampled(page, series)
    assert found.time_ns == 10**13
    assert found[1:] == (
        None if power_w is None else pytest.approx(power_w),
        None if energy_j is None else pytest.approx(energy_j),
    )


def test_a_series_with_a_stamp_has_that_time() -> None:
    assert sampled(NODE, "ups_output_watts") == Sample(10**13 - 10**9, 300)
    with pytest.raises(UnreadableError, match="was last updated 101 s ago"):
        sampled(NODE, "ups_output_watts", 1100)


OTHER = DCGM + MIG.replace("GPU-5e", "GPU-6f").replace('gpu="0"', 'gpu="1"')


@pytest.mark.parametrize(
    ("page", "series", "words"),
    [
        (
            KEPLER,
            "kepler_node_cpu_joules_total",
            'has 3 series: fix: add {zone="core"} or {zone="package"} or {zone="psys"}',
        ),
        (
            SCAPHANDRE,
            "scaph_socket_power_microwatts",
            'has 2 series: fix: add {socket_id="0"} or {socket_id="1"}',
        ),
        (OTHER, "DCGM_FI_DEV_POWER_USAGE", 'has 2 series: fix: add {gpu="0"} or {gpu="1"}'),
        (
            DCGM.replace("52.636", "12.5", 1),
            "DCGM_FI_DEV_POWER_USAGE",
            "has several values for one board",
        ),
        (KEPLER, "kepler_platform_watts{source=ipmi}", "the page has no kepler_platform_watts{"),
        (KEPLER, "kepler_node_gpu_joules_total", "the page has no kepler_node_gpu_joules_total"),
        ("<html>", "kepler_platform_watts", "the page has no kepler_platform_watts"),
        ("kepler_platform_watts{ 3", "kepler_platform_watts", "cannot be read"),
    ],
)
def test_anything_but_one_series_is_refused(page: str, series: str, words: str) -> None:
    with pytest.raises(UnreadableError, match=re.escape(words)):
        sampled(page, series)


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-3", "1e309"])
def test_an_impossible_value_is_refused(value: str) -> None:
    with pytest.raises(UnreadableError, match="outside the range"):
        checked(sampled(f"kepler_platform_watts {value}\n", "kepler_platform_watts"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prometheus:node:9100", "no metric is named: fix: prometheus:HOST:PORT#METRIC"),
        ("prometheus:node:9100#power_mw", "the unit of power_mw is unknown: fix: write #W=power_"),
        ("prometheus:node:9100#a b", "'a b' is not a series"),
        ("prometheus:node:9100#x_watts{zone}", "'zone' are not labels"),
        ("prometheus:me:hunter2@node:9100#x_watts", "set WATTUI_METER_NAME_USER"),
    ],
)
def test_a_spec_that_cannot_be_read_is_refused(text: str, words: str) -> None:
    with pytest.raises(SpecError) as refused:
        parse_spec(text)
    assert words in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_counter_that_its_exporter_has_not_refreshed_gives_no_reading() -> None:
    pages = [b"x_joules_total 5\n", b"x_joules_total 5\n", b"x_joules_total 65\n"]
    with plug() as exporter:
        exporter.answer = lambda path, headers: (200, {}, pages.pop(0))
        spec = parse_spec(f"prometheus:{exporter.host}#x_joules_total")
        reader = spec.open(Access("wall"))
        assert [sample.energy_j for sample in reader.read()] == [5]
        with pytest.raises(UnreadableError, match="x_joules_total has not moved"):
            reader.read()
        assert [sample.energy_j for sample in reader.read()] == [65]
        assert exporter.asked[0][0] == "/metrics"
    assert spec.counts
    assert spec.shown == f"prometheus:http://{exporter.host}/metrics#x_joules_total"


PIECES = st.sampled_from(
    [
        "# TYPE x_watts ",
        "counter",
        "gauge",
        "x_watts",
        '{a="1"}',
        '{a="',
        "} ",
        " 5",
        " NaN",
        "\n",
        "1e999",
    ]
)


@given(st.lists(PIECES | st.text(max_size=4), max_size=12).map("".join))
def test_any_page_is_a_possible_power_or_a_refusal(page: str) -> None:
    try:
        found = checked(sampled(page, "x_watts")).power_w
    except UnreadableError:
        return
    assert found is not None
    assert 0 <= found <= 50_000
