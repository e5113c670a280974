"""Facts about the machine for run.json."""

from collections.abc import Callable
from pathlib import Path

import pytest

from recorders.machine import host_facts


def pod(root: Path) -> None:
    (root / ".dockerenv").touch()
    (root / "var/run/secrets/kubernetes.io").mkdir(parents=True)


def environ(text: str) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        (root / "proc/1").mkdir(parents=True)
        (root / "proc/1/environ").write_text(text)

    return write


@pytest.mark.parametrize(
    ("prepare", "kind"),
    [
        (pod, "kubernetes"),
        (environ("TERM=linux\0container=lxc\0"), "lxc"),
        (environ("TERM=linux\0in_container=no\0"), None),
        (lambda root: None, None),
    ],
)
def test_the_kind_of_container_is_a_fact(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    prepare: Callable[[Path], None],
    kind: str | None,
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    prepare(tmp_path)
    assert host_facts(tmp_path)["container"] == kind
