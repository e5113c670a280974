"""A recorder as marked programs see it, and programs that it records."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

from recorders.inbox import Inbox, Request
from recorders.marks import CountPages
from recorders.wire import Message


class Recorder:
    """Answers marks in a thread, as the recorder does, and keeps what was asked."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.pages = CountPages(str(directory))
        self.asked: list[Message] = []
        self.objects_to_quiet = ""
        self.knows: list[Message] = []
        self.quiet_asked = threading.Event()
        self.may_answer_quiet = threading.Event()
        self.may_answer_quiet.set()
        self._control, self._end = os.pipe()
        self._inbox = Inbox(directory, self._control, lambda _: None)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def close(self) -> None:
        if self._thread.is_alive():
            os.close(self._end)
            self._thread.join()
            self._inbox.close()
            os.close(self._control)

    def requests(self) -> list[Message]:
        """What was asked, without greetings and times."""
        return [
            {key: value for key, value in message.items() if key not in ("at_ns", "begun_ns")}
            for message in self.asked
            if message["do"] not in ("hello", "bye")
        ]

    def _serve(self) -> None:
        while True:
            for request in self._inbox.wait(1.0):
                if request.owner == 0:
                    return
                reply = self._answer(request)
                if self.may_answer_quiet.is_set() or request.message["do"] != "quiet":
                    request.answer(reply)

    def _answer(self, request: Request) -> Message:
        message = request.message
        self.asked.append(message)
        if message["do"] == "hello":
            self.pages.open(message["page"], message["names"])
        if message["do"] == "names":
            self.pages.name(next(iter(self.pages._pages)), message["names"])
        if message["do"] == "quiet":
            self.quiet_asked.set()
            return {"t": "ack", "error": self.objects_to_quiet}
        if message["do"] == "target":
            return {"t": "ack", **(self.knows.pop(0) if self.knows else {})}
        if message["do"] == "begin" and not message["phase"]:
            return {"t": "ack", "error": "a phase needs a name"}
        return {"t": "ack", "id": len(self.asked)}


def run_program(script: str) -> None:
    subprocess.run([sys.executable, "-c", script], check=True, timeout=20)
