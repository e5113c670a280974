"""Whatever was recorded on the nodes, a phase of the whole has the energy of their phases."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from recorders.channels import is_count
from recorders.summary.spans import Span, spans
from tests.support.examples import examples
from tests.wattui.runs.test_reduce import FAILURES, SCHEDULE, recorded
from wattui.fleet.merging import merged
from wattui.fleet.phases import Node
from wattui.runs.reduce import reduce_every_second

FAILING = st.tuples(FAILURES, st.floats(3, 60))


def is_plain(span: Span) -> bool:
    """Whether its energies are differences of what was read at its edges."""
    return not (span.begin.is_late or span.end.is_late)


@examples(12)
@given(SCHEDULE, FAILING, FAILING, st.floats(-0.5, 0.5))
def test_phases_have_the_energies_of_the_nodes_phases(
    schedule: list[tuple[str, str, float, int]],
    first: tuple[list[tuple[float, float]], float],
    second: tuple[list[tuple[float, float]], float],
    ahead_s: float,
) -> None:
    nodes = []
    for number, (failures, gone_s) in enumerate((first, second)):
        with TemporaryDirectory() as folder:
            rig = recorded(Path(folder), schedule, failures, gone_s, 10.0)
            reduction = reduce_every_second(rig.path, [])
        nodes.append(Node(number, f"host{number}", reduction, ahead_s * number))
    whole = merged(nodes)
    together = spans(whole.reduction)
    own = [spans(node.reduction) for node in nodes]
    assert [each.name for each in together] == [each.name for each in own[0]]
    for phase, *parts in zip(together, *own, strict=True):
        assert phase.inferences == sum(part.inferences or 0 for part in parts)
        for node, part in zip(nodes, parts, strict=True):
            for channel, energy_j in part.energy_j.items():
                name = f"{node.name}_{channel}"
                if channel == "total" or is_count(channel) or not is_plain(part):
                    continue
                found_j = phase.energy_j.get(name)
                if energy_j is None or channel in part.bridged_j:
                    continue
                assert found_j is not None, name
                assert abs(found_j - energy_j) < 1e-5, name
        # A sum whose parts were not all read is bridged by itself.
        summed = [phase.energy_j.get(name) for name in whole.summed["total"]]
        known = [energy_j for energy_j in summed if energy_j is not None]
        total_j = phase.energy_j["total"]
        if total_j is not None and len(known) == len(summed) and not phase.bridged_j:
            assert abs(total_j - sum(known)) < 1e-5
