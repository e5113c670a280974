"""Meters that answer over HTTP with JSON: any address, with pointers to its readings.

Only the host in the spec is ever asked: no proxy of the environment is used, and a redirect to
another host is refused. Basic and bearer authentication are RFC 7617 and RFC 6750, digest
authentication is RFC 7616 with MD5 or SHA-256.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import http.client
import os
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from recorders.meters.meter import (
    DEADLINE_S,
    MOST_BYTES,
    Access,
    MeterError,
    Sample,
    Spec,
    SpecError,
    cut,
)
from recorders.meters.pointer import Pointers, parse_json, parse_pointers

MOST_REDIRECTS = 3
REDIRECTS = frozenset({301, 302, 303, 307, 308})
PIECE = 1 << 16
# The most that is read of an answer that is a refusal.
MOST_SAID = 1000
HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.%]+\]")
HAS_USER = re.compile(r"[^/?#]*//[^/?#]*@")
_CHALLENGE = re.compile(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')


@dataclass(frozen=True, slots=True)
class Address:
    """An HTTP address without user, password or fragment."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def shown(self) -> str:
        """The address without its query, which may hold a secret."""
        default = {"http": 80, "https": 443}[self.scheme]
        port = f":{self.port}" if self.port != default else ""
        return f"{self.scheme}://{self.host}{port}{self.target.partition('?')[0]}"


class Answer(NamedTuple):
    """The body of an answer, its headers with names in lower case, and the time in the middle of
    its request."""

    body: bytes
    headers: Mapping[str, str]
    time_ns: int


class StatusError(MeterError):
    """An answer other than the one asked for: its status, and the beginning of what it says."""

    def __init__(self, text: str, status: int, body: bytes) -> None:
        super().__init__(text)
        self.status, self.body = status, body


# Makes samples from a document, and the answer that it came in.
Extract = Callable[[Any, Answer, Access], Sequence[Sample]]


def parse_address(text: str) -> Address:
    """An address. Raises SpecError, also if it has a user or password."""
    if HAS_USER.match(text):
        raise SpecError(
            "an address must not contain a user or password: fix: leave them out, and set "
            "WATTUI_METER_NAME_USER and WATTUI_METER_NAME_PASSWORD, or _TOKEN"
        )
    try:
        found = urlsplit(text)
        port = found.port
    except ValueError:
        raise SpecError(f"{cut(text)!r} is not an address") from None
    if found.scheme not in ("http", "https"):
        raise SpecError(f"{cut(text)!r} is not an address of http or https")
    host = found.netloc.removesuffix(f":{port}") if port is not None else found.netloc
    if not _HOST.fullmatch(host):
        raise SpecError(f"{cut(host)!r} is not the name or address of a host")
    target = (found.path or "/") + (f"?{found.query}" if found.query else "")
    if not target.isascii() or re.search(r"[\x00-\x20\x7f]", target):
        raise SpecError(f"path {cut(target)!r} has a space or a special character")
    return Address(found.scheme, host, port or (443 if found.scheme == "https" else 80), target)


class Challenge(NamedTuple):
    """A host's demand for credentials: the kind of authentication, and its parameters."""

    kind: str
    given: Mapping[str, str]


class Web:
    """Asks one host, with the credentials of its meter once the host wants them.

    An answer has at most `most_bytes`.
    """

    def __init__(
        self, access: Access, deadline_s: float = DEADLINE_S, most_bytes: int = MOST_BYTES
    ) -> None:
        self._access, self._deadline_s = access, deadline_s
        self._most_bytes = most_bytes
        self._challenge: Challenge | None = None
        self._uses = 0

    def get(self, address: Address) -> Answer:
        """Ask for an address. Raises MeterError, in words, for anything but an answer."""
        asked = address
        for _ in range(MOST_REDIRECTS):
            status, answer = self._ask(asked)
            if status == 401:
                self._challenge, self._uses = self._challenged(answer.headers), 0
                status, answer = self._ask(asked)
            if status not in REDIRECTS:
                break
            asked = _redirected(asked, answer.headers.get("location", ""))
        if status == 401:
            self._challenge = None
            raise MeterError(f"{asked.shown} refuses the user and password")
        if status != 200:
            why = "redirects again and again" if status in REDIRECTS else f"answers {status}"
            raise StatusError(f"{asked.shown} {why}", status, answer.body)
        return answer

    def _ask(self, address: Address) -> tuple[int, Answer]:
        headers = self._headers(address)
        begun_ns = self._access.clock()
        ends_s = time.monotonic() + self._deadline_s
        connection = self._connection(address)
        try:
            connection.request("GET", address.target, headers=headers)
            line = connection.sock
            with _ended_at(line, ends_s):
                response = connection.getresponse()
            if response.status == 200:
                body = _body(response, line, ends_s, self._most_bytes)
            else:
                body = _said(response)
            found = {name.lower(): value for name, value in response.getheaders()}
            return response.status, Answer(body, found, (begun_ns + self._access.clock()) // 2)
        except TimeoutError:
            raise MeterError(f"{address.shown} does not answer in {self._deadline_s:g} s") from None
        except ssl.SSLCertVerificationError as error:
            raise MeterError(untrusted(address.shown, error)) from None
        except OSError as error:
            raise MeterError(f"{address.shown}: {error.strerror or error}") from None
        except (http.client.HTTPException, ValueError) as error:
            why = cut(str(error)) or type(error).__name__
            raise MeterError(f"{address.shown} does not speak HTTP: {why}") from None
        finally:
            connection.close()

    @cached_property
    def _context(self) -> ssl.SSLContext:
        """Made once: reading all authorities takes 20 ms, in which no other thread samples."""
        return ssl.create_default_context()

    def _connection(self, address: Address) -> http.client.HTTPConnection:
        where = address.host.strip("[]"), address.port
        if address.scheme == "http":
            return http.client.HTTPConnection(*where, timeout=self._deadline_s)
        return http.client.HTTPSConnection(*where, timeout=self._deadline_s, context=self._context)

    def _headers(self, address: Address) -> dict[str, str]:
        headers = {"Accept": "application/json", "Connection": "close", "User-Agent": "wattui"}
        if token := self._access.secret("token"):
            headers["Authorization"] = f"Bearer {token}"
        elif self._challenge:
            headers["Authorization"] = self._authorisation(self._challenge, address)
        return headers

    def _challenged(self, headers: Mapping[str, str]) -> Challenge:
        """The kind of authentication that the host wants. Raises MeterError."""
        kind, _, text = headers.get("www-authenticate", "").partition(" ")
        found = {key.lower(): quoted or plain for key, quoted, plain in _CHALLENGE.findall(text)}
        if self._access.secret("token"):
            raise MeterError(f"the host refuses the token: fix: check {self._access.prefix}TOKEN")
        if not (self._access.secret("user") and self._access.secret("password")):
            prefix = self._access.prefix
            raise MeterError(
                f"the host wants a password: fix: set {prefix}USER and {prefix}PASSWORD, or "
                f"{prefix}TOKEN"
            )
        kind = kind.lower() or "basic"
        if kind not in ("basic", "digest"):
            raise MeterError(
                f"the host wants a kind of authentication that is unknown: {cut(kind)}"
            )
        return Challenge(kind, found)

    def _authorisation(self, challenge: Challenge, address: Address) -> str:
        user, password = self._access.secret("user"), self._access.secret("password")
        if challenge.kind == "basic":
            return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
        self._uses += 1
        given = (challenge.given, address.target, self._uses, os.urandom(8).hex())
        return digest(user, password, *given)


@contextlib.contextmanager
def _ended_at(line: socket.socket, ends_s: float) -> Iterator[None]:
    """Shut a connection down at a time, as each line of the headers would begin a new wait.

    Raises TimeoutError if that happened.
    """
    ended = threading.Event()

    def end() -> None:
        ended.set()
        with contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, ends_s - time.monotonic()), end)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException, ValueError):
        if not ended.is_set():
            raise
    finally:
        timer.cancel()
    if ended.is_set():
        raise TimeoutError


def untrusted(where: str, error: ssl.SSLCertVerificationError) -> str:
    """Why a certificate is not trusted, and the fix if your own authority signed it."""
    fix = "fix: export SSL_CERT_FILE=CA.pem, if it is signed by an authority of your own"
    return f"{where}: {error.verify_message.rstrip('.')}: {fix}"


def digest(
    user: str, password: str, given: Mapping[str, str], target: str, uses: int, own: str
) -> str:
    """The `Authorization` of a GET for a digest challenge; `own` is the client's nonce, and `uses`
    counts the requests with the host's. Raises MeterError for an unknown algorithm."""
    name = given.get("algorithm", "MD5").upper()
    session = name.endswith("-SESS")
    if name.removesuffix("-SESS") not in HASHES:
        raise MeterError(f"the host wants a digest that is unknown: {cut(name)}")

    def hashed(*parts: str) -> str:
        return HASHES[name.removesuffix("-SESS")](":".join(parts).encode()).hexdigest()

    realm, nonce = given.get("realm", ""), given.get("nonce", "")
    secret = hashed(user, realm, password)
    if session:
        secret = hashed(secret, nonce, own)
    wanted = {"username": user, "realm": realm, "nonce": nonce, "uri": target}
    if "auth" in re.split(r"[,\s]+", given.get("qop", "")):
        count = f"{uses:08x}"
        proof = hashed(secret, nonce, count, own, "auth", hashed("GET", target))
        plain = f", qop=auth, nc={count}, algorithm={name}"
        wanted["cnonce"] = own
    else:
        proof = hashed(secret, nonce, hashed("GET", target))
        plain = f", algorithm={name}"
    wanted["response"] = proof
    if "opaque" in given:
        wanted["opaque"] = given["opaque"]
    return "Digest " + ", ".join(f'{key}="{value}"' for key, value in wanted.items()) + plain


@dataclass(frozen=True, slots=True)
class WebSpec(Spec):
    """An address that answers with JSON, and where the readings are in it.

    `extract` makes the samples of a profile from the document; without one, `pointers` do.
    """

    address: Address
    pointers: Pointers
    shown: str
    step_j: float = 0.0
    extract: Extract | None = None

    @property
    def counts(self) -> bool:
        """Whether there is a pointer to a counter."""
        return self.pointers.energy is not None

    def open(self, access: Access) -> WebReader:
        """The host, to be asked."""
        return WebReader(self, access)


class WebReader:
    """Asks for the document each time."""

    waits = False

    def __init__(self, spec: WebSpec, access: Access) -> None:
        self._spec, self._access = spec, access
        self._web = Web(access)

    def read(self) -> Sequence[Sample]:
        """The readings in the document."""
        answer = self._web.get(self._spec.address)
        document = parse_json(answer.body)
        if self._spec.extract:
            return self._spec.extract(document, answer, self._access)
        return [pointed(self._spec.pointers, document, answer.time_ns)]

    def close(self) -> None:
        """Each request has its own connection."""


def pointed(pointers: Pointers, document: Any, time_ns: int) -> Sample:
    """The sample that pointers make of a document."""
    power = pointers.power.value(document) if pointers.power else None
    energy = pointers.energy.value(document) if pointers.energy else None
    return Sample(time_ns, power, energy)


def parse(kind: str, where: str) -> WebSpec:
    """An address, and behind `#` the pointers. Raises SpecError."""
    text, _, fragment = f"{kind}:{where}".partition("#")
    address, pointers = parse_address(text), parse_pointers(fragment)
    return WebSpec(address, pointers, f"{address.shown}#{cut(fragment)}")


def _said(response: http.client.HTTPResponse) -> bytes:
    """What an answer other than the one asked for says, as far as it has come."""
    try:
        return response.read1(MOST_SAID)
    except (OSError, http.client.HTTPException, ValueError):
        return b""


def _body(response: http.client.HTTPResponse, line: Any, ends_s: float, most_bytes: int) -> bytes:
    """The body, of bounded length, in bounded time."""
    parts: list[bytes] = []
    size = 0
    while part := response.read1(PIECE):
        size += len(part)
        if size > most_bytes:
            raise ValueError(f"the answer is longer than {most_bytes:,} bytes")
        parts.append(part)
        left_s = ends_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        if response.isclosed():  # Python 3.13 closes the line with the last byte
            break
        line.settimeout(left_s)
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)
    return b"".join(parts)


def _redirected(asked: Address, location: str) -> Address:
    """Where a redirect leads. Raises MeterError if that is another host."""
    try:
        to = parse_address(
            urljoin(f"{asked.scheme}://{asked.host}:{asked.port}{asked.target}", location)
        )
    except SpecError as error:
        raise MeterError(f"{asked.shown} redirects: {error}") from None
    is_secured = (asked.scheme, asked.port, to.scheme, to.port) == ("http", 80, "https", 443)
    same = (to.scheme, to.port) == (asked.scheme, asked.port) or is_secured
    if to.host.lower() != asked.host.lower() or not same:
        where = f"{to.host}:{to.port}"
        raise MeterError(
            f"{asked.shown} redirects to another host, {where}: refused: fix: give that address"
        )
    return to
