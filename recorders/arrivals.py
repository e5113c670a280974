"""Waits until something arrives at one of several descriptors, for less than a millisecond too."""

from __future__ import annotations

import select
import selectors
from typing import Protocol


class Arrivals(Protocol):
    """The descriptors that are watched."""

    def watch(self, descriptor: int) -> None:
        """Watch a descriptor, too."""

    def ignore(self, descriptor: int) -> None:
        """Stop watching a descriptor."""

    def wait(self, timeout_s: float) -> bool:
        """Whether something has arrived before the time is over."""

    def ready(self) -> list[int]:
        """The descriptors at which something has arrived."""

    def close(self) -> None:
        """Stop watching; the descriptors stay open."""


def open_arrivals() -> Arrivals:
    """An epoll on Linux, what Python selects elsewhere (kqueue on macOS)."""
    return _Epoll() if hasattr(select, "epoll") else _Selector()


class _Epoll:
    """epoll only waits for whole milliseconds, and select only takes descriptors below 1024: this
    selects the epoll's own."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._own = [self._epoll.fileno()]

    def watch(self, descriptor: int) -> None:
        self._epoll.register(descriptor, select.EPOLLIN)

    def ignore(self, descriptor: int) -> None:
        self._epoll.unregister(descriptor)

    def wait(self, timeout_s: float) -> bool:
        return bool(select.select(self._own, (), (), timeout_s)[0])

    def ready(self) -> list[int]:
        return [descriptor for descriptor, _ in self._epoll.poll(0)]

    def close(self) -> None:
        self._epoll.close()


class _Selector:
    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def watch(self, descriptor: int) -> None:
        self._selector.register(descriptor, selectors.EVENT_READ)

    def ignore(self, descriptor: int) -> None:
        self._selector.unregister(descriptor)

    def wait(self, timeout_s: float) -> bool:
        return bool(self._selector.select(timeout_s))

    def ready(self) -> list[int]:
        return [key.fd for key, _ in self._selector.select(0)]

    def close(self) -> None:
        self._selector.close()
