"""Reading over HTTP: proxies and timeouts honoured, bounded retries, a broken download taken up where it broke.

``urllib3`` does the protocol. What a caller sees is an iterator of bytes (constant memory) or a parsed JSON page; every
fault is an InputError that names the address without its query, which may hold a key.
"""

from __future__ import annotations

import json
import random
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlencode, urlsplit, urlunsplit

import urllib3

from spendgate import __version__
from spendgate.errors import InputError
from spendgate.prices.refresh.progress import Progress

CHUNK: Final = 1 << 16
PAGE: Final = 64 << 20
"""No page of JSON is larger than this: what is, is not what was asked for."""

_BUSY = {408, 425, 429, 500, 502, 503, 504}
_RECONNECTS = 200  # of one download, even where each brings it on a little
_LONGEST_WAIT = 60.0


@dataclass
class Client:
    """One reader for all lists. ``attempts`` without progress in between end in an error; ``wait`` seconds after the
    first of them, twice as many after each further one."""

    progress: Progress = field(default_factory=lambda: Progress(quiet=True))
    timeout: float = 60.0
    attempts: int = 5
    wait: float = 1.0
    sleep: Callable[[float], None] = time.sleep
    _pools: dict[str, urllib3.PoolManager] = field(default_factory=dict)

    def stream(self, url: str, headers: Mapping[str, str] | None = None) -> Download:
        """A download as an iterator of decoded bytes. Nothing is read before the first of them is asked for."""
        return Download(self, url, dict(headers or {}))

    def page(self, url: str, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None) -> Page:
        """A page of JSON; its numbers with a point are Decimals. Raises InputError for anything else."""
        download = self.stream(f"{url}?{urlencode(query)}" if query else url, headers)
        body = bytearray()
        for chunk in download:
            body += chunk
            if len(body) > PAGE:
                raise InputError("the answer is far too long for a page", place=named(url))
        return Page(_parsed(bytes(body), url), download.modified)

    def request(self, url: str, headers: Mapping[str, str]) -> urllib3.BaseHTTPResponse:
        """One answer with its body unread; tried again while the server is busy or out of reach."""
        failed = 0
        while True:
            try:
                answer = self._pool(url).request(
                    "GET",
                    url,
                    headers={"User-Agent": f"spendgate/{__version__}", **headers},
                    preload_content=False,
                    decode_content=False,
                    timeout=urllib3.Timeout(connect=min(self.timeout, 20.0), read=self.timeout),
                    retries=urllib3.Retry(
                        None, connect=0, read=0, status=0, other=0, redirect=3, remove_headers_on_redirect=_SECRET
                    ),
                )
            except urllib3.exceptions.HTTPError as error:
                failed = self.failed(failed, url, _reason(error))
                continue
            if answer.status in (200, 206):
                return answer
            if answer.status not in _BUSY:
                raise _refused(answer, url)
            answer.close()
            failed = self.failed(failed, url, f"the server answers {answer.status}", answer.headers.get("Retry-After"))

    def failed(self, before: int, url: str, why: str, retry_after: str | None = None) -> int:
        """Wait before the next attempt; raises InputError where there is none left."""
        if before + 1 >= self.attempts:
            raise InputError(
                f"{why}; given up after {self.attempts} attempts", place=named(url), remedy="Try again later."
            )
        wait = min(self.wait * 2**before * (1 + random.random() / 4), _LONGEST_WAIT)
        if retry_after and retry_after.isdigit():
            wait = min(max(wait, float(retry_after)), _LONGEST_WAIT)
        if wait >= 5:
            self.progress.say(f"{named(url)}: {why}; trying again in {wait:.0f} s")
        self.sleep(wait)
        return before + 1

    def _pool(self, url: str) -> urllib3.PoolManager:
        from urllib.request import getproxies, proxy_bypass

        parts = urlsplit(url)
        proxies = getproxies()
        proxy = proxies.get(parts.scheme) or proxies.get("all")
        if proxy and proxy_bypass(parts.netloc):
            proxy = None
        key = proxy or ""
        if key not in self._pools:
            self._pools[key] = _pool_of(proxy)
        return self._pools[key]


_SECRET = ("Authorization", "Cookie", "Proxy-Authorization", "X-Goog-Api-Key")


def _pool_of(proxy: str | None) -> urllib3.PoolManager:
    if not proxy:
        return urllib3.PoolManager()
    address = urllib3.util.parse_url(proxy if "://" in proxy else f"http://{proxy}")
    if address.scheme not in ("http", "https"):
        raise InputError(f"a proxy of the kind {address.scheme} is not understood", remedy="Give an HTTP proxy.")
    login = urllib3.make_headers(proxy_basic_auth=address.auth) if address.auth else None
    return urllib3.ProxyManager(address._replace(auth=None).url, proxy_headers=login)


@dataclass
class Download:
    """The bytes of one address, decoded. ``modified`` is when the server says that they changed last."""

    client: Client
    url: str
    headers: dict[str, str]
    modified: date | None = None
    _encoding: str = ""

    def __iter__(self) -> Iterator[bytes]:
        raw = self._raw()
        first = next(raw, b"")
        if self._encoding in ("", "identity"):
            yield first
            yield from raw
            return
        if self._encoding not in ("gzip", "x-gzip", "deflate"):
            raise InputError(f"the answer is packed as {self._encoding}", place=named(self.url))
        decoder = zlib.decompressobj(47)
        try:
            while first:
                # A bound on each step: a few bytes can unpack to very many.
                yield decoder.decompress(first, CHUNK * 4)
                first = decoder.unconsumed_tail or next(raw, b"")
            yield decoder.flush()
        except zlib.error:
            raise InputError("the answer does not unpack: it is damaged", place=named(self.url)) from None
        if not decoder.eof:
            raise InputError("the answer ends in the middle", place=named(self.url), remedy="Try again later.")

    def _raw(self) -> Iterator[bytes]:
        """The bytes as sent. Where the connection breaks, the rest is asked for: of the same version, or not at all."""
        client, offset, failed, reconnects, version = self.client, 0, 0, 0, ""
        while True:
            ask = {**self.headers, "Accept-Encoding": "gzip"}
            if offset:
                ask |= {"Range": f"bytes={offset}-", **({"If-Range": version} if version else {})}
            answer = client.request(self.url, ask)
            skip = self._begin(answer, offset, version)
            version = version or _version_of(answer)
            try:
                for chunk in answer.stream(CHUNK, decode_content=False):
                    if skip >= len(chunk):
                        skip -= len(chunk)
                        continue
                    new, skip = chunk[skip:], 0
                    offset += len(new)
                    failed = 0
                    client.progress.add(size=len(new))
                    yield new
                if skip:
                    raise urllib3.exceptions.ProtocolError("shorter than before")
                return
            except urllib3.exceptions.HTTPError as error:
                reconnects += 1
                if reconnects > _RECONNECTS:
                    failed = client.attempts
                failed = client.failed(failed, self.url, _reason(error))
            finally:
                answer.close()

    def _begin(self, answer: urllib3.BaseHTTPResponse, offset: int, version: str) -> int:
        """How many bytes of this answer are known already. Raises InputError where it is not the same file."""
        if not offset:
            self._encoding = answer.headers.get("Content-Encoding", "").strip().lower()
            self.modified = _day(answer.headers.get("Last-Modified"))
            return 0
        if answer.status == 206:
            begins = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
            same = begins == str(offset)
        else:
            same = answer.headers.get("Content-Encoding", "").strip().lower() == self._encoding
        if not same or (version and _version_of(answer) not in ("", version)):
            answer.close()
            raise InputError("it changed while it was read", place=named(self.url), remedy="Start again.")
        return 0 if answer.status == 206 else offset


@dataclass(frozen=True, slots=True)
class Page:
    """A parsed JSON answer and when the server says that it changed last."""

    value: dict[str, Any]
    modified: date | None


def lines(chunks: Iterator[bytes] | Download) -> Iterator[bytes]:
    """Lines without their ends; no more than one of them and one chunk are held. Raises InputError for a line that is
    longer than a line of a table can be."""
    rest = b""
    for chunk in chunks:
        rest += chunk
        *whole, rest = rest.split(b"\n")
        yield from whole
        if len(rest) > 1 << 20:
            raise InputError("there is no end of a line: this is no table")
    if rest:
        yield rest


def named(url: str) -> str:
    """An address as it may be shown: without its query and login."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def joined(base: str, path: str) -> str:
    """An address below a base. Raises InputError for a path that would lead elsewhere."""
    if not path.startswith("/") or path.startswith("//"):
        raise InputError(f'the list leads elsewhere: "{path[:120]}"', place=named(base))
    return base.rstrip("/") + path


def _parsed(body: bytes, url: str) -> dict[str, Any]:
    text = body.strip()
    if text[:1] == b"<":
        remedy = "A proxy or a login page may stand in between."
        raise InputError("the answer is a web page, not JSON", place=named(url), remedy=remedy)
    if not text:
        raise InputError("the answer is empty", place=named(url))
    if text.startswith(b"callback("):  # how the AWS spot feed used to be wrapped
        text = text.removeprefix(b"callback(").rstrip(b"; \r\n").removesuffix(b")")
    try:
        value = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the answer is no JSON: {error}", place=named(url)) from None
    if not isinstance(value, dict):
        raise InputError("the answer is JSON of another form", place=named(url))
    return value


def _refused(answer: urllib3.BaseHTTPResponse, url: str) -> InputError:
    said = ""
    try:
        value = json.loads(answer.read(CHUNK, decode_content=True))
        said = str(value["error"]["message"]).splitlines()[0][:200]
    except (ValueError, LookupError, TypeError, urllib3.exceptions.HTTPError):
        pass
    finally:
        answer.close()
    remedies = {
        401: "It wants a key.",
        403: "It wants a key, or this key may not read it.",
        404: "Is the address right? `spendgate prices refresh --help` tells how to give another.",
        407: "The proxy wants a login.",
    }
    message = f"the server answers {answer.status}" + (f": {said}" if said else "")
    return InputError(message, place=named(url), remedy=remedies.get(answer.status))


def _reason(error: urllib3.exceptions.HTTPError) -> str:
    if isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason is not None:
        inner = error.reason
        if isinstance(inner, urllib3.exceptions.HTTPError):
            return _reason(inner)
    if isinstance(error, urllib3.exceptions.NameResolutionError):
        return "the host is not known here"
    if isinstance(error, urllib3.exceptions.ProxyError):
        return "the proxy cannot be reached"
    if isinstance(error, urllib3.exceptions.SSLError):
        return "the connection is not trusted (certificate)"
    if isinstance(error, urllib3.exceptions.NewConnectionError):
        return "the host cannot be reached"
    if isinstance(error, (urllib3.exceptions.ConnectTimeoutError, urllib3.exceptions.ReadTimeoutError)):
        return "no answer in time"
    if isinstance(error, urllib3.exceptions.ResponseError):
        return "it leads from one address to the next"
    return "the connection broke"


def _version_of(answer: urllib3.BaseHTTPResponse) -> str:
    """What tells one version of a file from another: a strong entity tag, else the date of the last change."""
    tag = answer.headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else answer.headers.get("Last-Modified", "")


def _day(text: str | None) -> date | None:
    try:
        return parsedate_to_datetime(text).date() if text else None
    except ValueError:
        return None
