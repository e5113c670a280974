"""Elects the process of a node that records it; the node's other processes attach to that one.

A node is a boot of a kernel: its boot_id. Containers of one machine share it, whatever they are
called, and whatever their machine-id; two machines never do, however equal their names. The
processes of a job on a node meet in a private folder: whoever locks it first records. Each of the
others keeps a file there, locked while it lives, which says how far its command is.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from recorders.drafts import replace_file
from wattui.errors import UsageError

BOOT_ID = "proc/sys/kernel/random/boot_id"
LOCK, NOTICE, MEMBER = "lock", "notice.json", "rank-"
# The stages of a node's recording, as its notice says.
STARTING, GOING, ENDED, REFUSED = "starting", "going", "ended", "refused"


@dataclass(frozen=True, slots=True)
class Member:
    """A process of the job on this node, and how far its command is.

    `status` is the command's exit status once it has ended; `is_there` is False if the process has
    gone without saying so.
    """

    rank: int
    node_rank: int | None
    local_size: int | None
    version: str
    pid: int | None = None
    status: int | None = None
    is_there: bool = True

    @property
    def is_over(self) -> bool:
        """Whether its command runs no longer."""
        return self.status is not None or not self.is_there

    @property
    def is_lost(self) -> bool:
        """Whether it has gone without saying how its command ended."""
        return self.status is None and not self.is_there


@dataclass(frozen=True, slots=True)
class Notice:
    """What the recording process tells the others: `rank` is its own, `directory` that of its
    marks."""

    stage: str
    version: str
    rank: int
    directory: str = ""
    status: int = 0


def boot_id(root: Path = Path("/")) -> str:
    """The node: the identifier of this boot of the kernel. Raises UsageError if there is none."""
    try:
        text = (root / BOOT_ID).read_text().strip()
    except OSError as error:
        raise UsageError(
            f"/{BOOT_ID} cannot be read ({error.strerror}), so this node has no name: fix: record "
            "to a file, as in --csv run.csv"
        ) from None
    return text


def expected(members: Iterable[Member]) -> int | None:
    """How many processes the job has on this node; None if its launcher does not say.

    One machine may be several of a launcher's nodes.
    """
    sizes = {member.node_rank: member.local_size for member in members}
    known = [size for size in sizes.values() if size is not None]
    return sum(known) if known and len(known) == len(sizes) else None


def meeting_place(
    run: str,
    folder: str,
    node: str,
    environ: Mapping[str, str] = os.environ,
    temporary: Path = Path("/tmp"),
) -> Path:
    """The private folder where a job's processes on this node meet, made if it is missing.

    `folder` is where the recording goes: two jobs without a name of their own are told apart by it,
    and nodes that share /tmp by their boot_id. Raises UsageError if it cannot be made, or is
    another user's.
    """
    told_apart = hashlib.blake2b(os.fsencode(f"{node} {folder}"), digest_size=4).hexdigest()
    name = f"wattui-{os.getuid()}-{run}-{told_apart}"
    given = environ.get("XDG_RUNTIME_DIR", "")
    # The variable may come from the machine where the job was submitted.
    place = Path(given) if given and os.access(given, os.W_OK | os.X_OK) else temporary
    path = place / name
    try:
        with contextlib.suppress(FileExistsError):
            path.mkdir(mode=0o700)
        found = path.lstat()
    except OSError as error:
        raise UsageError(f"{path} cannot be made ({error.strerror}): fix: free {place}") from None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise UsageError(f"{path} belongs to somebody else: fix: remove it, or set WATTUI_JOB")
    return path


def lead(place: Path, version: str, rank: int) -> Leader | None:
    """Take the lead of a node's recording; None if another process has it."""
    try:
        descriptor = os.open(place / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:  # a recording that ended has just removed the place
        with contextlib.suppress(FileExistsError):
            place.mkdir(mode=0o700)
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino != (place / LOCK).stat().st_ino:
            raise BlockingIOError
    except (BlockingIOError, FileNotFoundError):
        os.close(descriptor)
        return None
    return Leader(place, descriptor, version, rank)


class Leader:
    """The process that records this node, until `close`."""

    def __init__(self, place: Path, lock: int, version: str, rank: int) -> None:
        self.place, self.descriptor = place, lock
        self._version, self._rank = version, rank
        # What a process that was killed has left here counts for nothing.
        for entry in place.iterdir():
            if entry.name == NOTICE or (entry.name.startswith(MEMBER) and not is_locked(entry)):
                entry.unlink(missing_ok=True)
        self.tell(STARTING)

    def tell(self, stage: str, directory: str = "", status: int = 0) -> None:
        """Tell the node's other processes what to do."""
        notice = Notice(stage, self._version, self._rank, directory, status)
        replace_file(self.place / NOTICE, json.dumps(asdict(notice)).encode())

    def members(self) -> list[Member]:
        """The other processes that have come, by rank."""
        return sorted(_members(self.place), key=lambda member: member.rank)

    def close(self) -> None:
        """Give up the lead and the place."""
        shutil.rmtree(self.place, ignore_errors=True)
        os.close(self.descriptor)


def remove_place(place: Path) -> None:
    """Remove the place of a node's processes after its leader was killed, unless another leads."""
    with contextlib.suppress(OSError):
        if not is_locked(place / LOCK):
            shutil.rmtree(place, ignore_errors=True)


class Seat:
    """The place of a process that does not record, while it lives."""

    def __init__(self, place: Path, member: Member) -> None:
        """Raises OSError."""
        self._place, self.member = place, member
        name = secrets.token_hex(8)
        draft, self._path = place / f".{name}", place / f"{MEMBER}{name}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self.descriptor = os.open(draft, flags, 0o600)
        fcntl.flock(self.descriptor, fcntl.LOCK_EX)
        self._write()
        draft.rename(self._path)

    def tell(self, **changes: Any) -> None:
        """Tell how far the command is."""
        self.member = replace(self.member, **changes)
        self._write()

    def notice(self) -> Notice | None:
        """The recording process's notice; None if there is none yet."""
        try:
            return Notice(**json.loads((self._place / NOTICE).read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def is_twice(self) -> bool:
        """Whether its rank is here already: this is another run of the same name."""
        ranks = [member.rank for member in _members(self._place)]
        if notice := self.notice():
            ranks.append(notice.rank)
        return ranks.count(self.member.rank) > 1

    def leave(self) -> None:
        """Leave; of a process whose command has not run, nothing stays."""
        if self.descriptor < 0:
            return
        if self.member.status is None:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)
        os.close(self.descriptor)
        self.descriptor = -1

    def _write(self) -> None:
        """Readers see the old text or the new one: it is of one length, and written at once."""
        data = {k: v for k, v in asdict(self.member).items() if k != "is_there"}
        os.pwrite(self.descriptor, json.dumps(data).ljust(512).encode(), 0)


def _members(place: Path) -> Iterator[Member]:
    for path in place.glob(f"{MEMBER}*"):
        with contextlib.suppress(OSError, ValueError, TypeError):
            there = is_locked(path)
            yield replace(Member(**json.loads(path.read_text())), is_there=there)


def is_locked(path: Path) -> bool:
    """Whether a process holds the file locked."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
