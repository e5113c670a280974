"""A topic of an MQTT broker, whose messages are a number, or JSON with pointers to the readings.

A reading belongs to the moment when its message arrives. A message that the broker had retained was
sent at an unknown time before that, and is not used.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from recorders.meters.lines import line_w
from recorders.meters.meter import (
    DEADLINE_S,
    MOST_BYTES,
    Access,
    MeterError,
    Sample,
    Spec,
    SpecError,
    UnreadableError,
    cut,
)
from recorders.meters.pointer import Pointers, parse_json, parse_pointers
from recorders.meters.web import HAS_USER, pointed, untrusted

PORTS = {"mqtt": 1883, "mqtts": 8883}
WAIT_S = 0.2
# A broker that does not answer a ping for so long is lost.
KEEPALIVE_S = 10
# Devices send every few seconds, or when the power changes.
USUAL_S = 10.0
# A topic is quiet after this many of the last intervals between messages, and at least this long.
QUIET_STEPS, LEAST_QUIET_S = 3, 1.0


@dataclass(frozen=True, slots=True)
class MqttSpec(Spec):
    """A broker, a topic, and where the readings are in its messages (None: they are watts)."""

    kind: str
    host: str
    port: int
    topic: str
    pointers: Pointers | None
    shown: str
    period_s: float = USUAL_S

    @property
    def counts(self) -> bool:
        """Whether a pointer to a counter was given."""
        return self.pointers is not None and self.pointers.energy is not None

    def open(self, access: Access) -> Topic:
        """The topic, subscribed to."""
        return Topic(self, access)


class _Client(paho.Client):
    """Refuses long messages before they are received, and uses no proxy."""

    def _sock_recv(self, bufsize: int) -> bytes:
        if bufsize > MOST_BYTES:
            raise MeterError(f"a message is longer than {MOST_BYTES:,} bytes")
        received: bytes = super()._sock_recv(bufsize)
        return received

    def _get_proxy(self) -> None:
        return None


class Topic:
    """A subscription; a lost broker is a lost meter."""

    waits = True

    def __init__(self, spec: MqttSpec, access: Access) -> None:
        self._spec, self._access = spec, access
        self._where = f"{spec.kind}://{spec.host}:{spec.port}"
        self._came: list[tuple[int, paho.MQTTMessage]] = []
        self._refused = ""
        self._is_subscribed = False
        self._last_ns = access.clock()
        self._step_ns = 0
        self._was_said = False
        self._client = self._made()
        try:
            self._connect()
        except MeterError:
            self.close()
            raise

    def read(self) -> Sequence[Sample]:
        """The readings in the messages that arrive within a moment."""
        self._loop()
        came, self._came = self._came, []
        samples = []
        for time_ns, message in came:
            if message.retain:
                raise UnreadableError("its only message was retained, from an unknown time")
            self._step_ns, self._last_ns = time_ns - self._last_ns, time_ns
            self._was_said = False
            samples.append(message_sample(bytes(message.payload), self._spec.pointers, time_ns))
        quiet_s = (self._access.clock() - self._last_ns) * 1e-9
        if not came and not self._was_said and quiet_s > self._longest_s:
            self._was_said = True
            raise UnreadableError(f"no message on topic {cut(self._spec.topic)}")
        return samples

    def close(self) -> None:
        """Leave the broker."""
        self._client.disconnect()

    @property
    def _longest_s(self) -> float:
        return max(LEAST_QUIET_S, QUIET_STEPS * self._step_ns * 1e-9)

    def _made(self) -> _Client:
        client = _Client(CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
        client.connect_timeout = DEADLINE_S
        client.on_connect, client.on_subscribe = self._on_connect, self._on_subscribe
        client.on_message = self._on_message
        if user := self._access.secret("user"):
            client.username_pw_set(user, self._access.secret("password"))
        if self._spec.kind == "mqtts":
            client.tls_set_context(ssl.create_default_context())
        return client

    def _connect(self) -> None:
        ends_s = time.monotonic() + DEADLINE_S
        try:
            self._client.connect(self._spec.host, self._spec.port, KEEPALIVE_S)
        except ssl.SSLCertVerificationError as error:
            raise MeterError(untrusted(self._where, error)) from None
        except TimeoutError:
            raise MeterError(f"{self._where} does not answer in {DEADLINE_S:g} s") from None
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else ""
            raise MeterError(f"{self._where}: {reason or error}") from None
        while not self._is_subscribed:
            self._loop()
            if time.monotonic() > ends_s:
                raise MeterError(f"{self._where} does not answer in {DEADLINE_S:g} s")

    def _loop(self) -> None:
        status = self._client.loop(WAIT_S)
        if self._refused:
            raise MeterError(self._refused)
        if status != paho.MQTT_ERR_SUCCESS:
            raise MeterError(f"{self._where}: {paho.error_string(status).rstrip('.').lower()}")

    def _on_connect(self, client: Any, _: Any, flags: Any, reason: Any, more: Any) -> None:
        if reason.is_failure:
            prefix = f"WATTUI_METER_{self._access.name.upper()}"
            fix = f": fix: set {prefix}_USER and {prefix}_PASSWORD"
            is_right = str(reason) in ("Not authorized", "Bad user name or password")
            said = f"{self._where}: {str(reason).lower()}"
            self._refused = said + (fix if is_right else "")
        else:
            client.subscribe(self._spec.topic)

    def _on_subscribe(self, client: Any, _: Any, mid: int, reasons: Any, more: Any) -> None:
        self._is_subscribed = True
        if any(reason.is_failure for reason in reasons):
            self._refused = f"{self._where} refuses topic {cut(self._spec.topic)}"

    def _on_message(self, client: Any, _: Any, message: paho.MQTTMessage) -> None:
        self._came.append((self._access.clock(), message))


def message_sample(payload: bytes, pointers: Pointers | None, time_ns: int) -> Sample:
    """The sample in a message. Raises UnreadableError."""
    if pointers is not None:
        return pointed(pointers, parse_json(payload), time_ns)
    return Sample(time_ns, line_w(payload[:4096].decode(errors="replace")))


def parse(kind: str, where: str) -> MqttSpec:
    """An address of a broker, a topic, and behind `#` the pointers. Raises SpecError."""
    text, mark, fragment = f"{kind}:{where}".partition("#")
    if HAS_USER.match(text):
        raise SpecError(
            "an address must not contain a user or password: fix: leave them out, and set "
            "WATTUI_METER_NAME_USER and WATTUI_METER_NAME_PASSWORD"
        )
    try:
        found = urlsplit(text)
        host, port = found.hostname or "", found.port
    except ValueError:
        raise SpecError(f"{cut(text)!r} is not an address") from None
    topic = unquote(found.path[1:])
    if not host or not host.isprintable() or " " in host:
        raise SpecError(f"{cut(host)!r} is not the name or address of a host")
    if not topic or not topic.isprintable() or len(topic) > 1000 or found.query:
        raise SpecError(f"{cut(topic)!r} is not a topic")
    if "+" in topic or "#" in topic:
        raise SpecError(f"topic {cut(topic)!r} matches several topics: fix: name one of them")
    pointers = parse_pointers(fragment) if mark else None
    shown = f"{text}#{cut(fragment)}" if mark else text
    return MqttSpec(kind, host, port or PORTS[kind], topic, pointers, shown)
