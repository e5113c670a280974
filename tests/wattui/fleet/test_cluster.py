"""Addresses of a Ray cluster: what is refused at once, in one line, without Ray."""

from __future__ import annotations

from pathlib import Path

import pytest

from wattui.errors import UsageError
from wattui.fleet import cluster


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("nonsense", "--ray nonsense: fix: give HOST:PORT"),
        ("127.0.0.1:x", "fix: give HOST:PORT"),
        ("8.8.8.8:6379", r"^8\.8\.8\.8, a public address, and Ray has no authentication: fix:"),
        ("127.0.0.1:1", r"no Ray cluster at 127\.0\.0\.1:1 \(Connection refused\): fix:"),
    ],
)
def test_an_address_without_a_cluster_is_refused(
    monkeypatch: pytest.MonkeyPatch, address: str, why: str
) -> None:
    monkeypatch.setattr(cluster, "find_spec", lambda _: True)
    with pytest.raises(UsageError, match=why), cluster.joined(address, "/tmp/link"):
        pass


def test_a_cluster_that_has_ended_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ray keeps a note of the last cluster, and tries to reach it for minutes."""
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray/ray_current_cluster").write_text("127.0.0.1:1")
    monkeypatch.setattr(cluster, "find_spec", lambda _: True)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    refused = pytest.raises(UsageError, match=r"no Ray cluster at 127\.0\.0\.1:1 \(Connection ref")
    with refused, cluster.joined(cluster.AUTO, "/tmp/link"):
        pass
