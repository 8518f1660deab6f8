"""An HTTP server in a thread: files with ranges and entity tags, and the faults that real ones have."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

Query = dict[str, str]


@dataclass
class Answer:
    """What one address answers. ``cut``: how many bytes each connection carries before it breaks; ``fail``: that many
    answers come first with ``status``; ``stream``: a body that is made as it is sent."""

    body: bytes = b""
    kind: str = "application/octet-stream"
    status: int = 200
    fail: int = 0
    cut: list[int] = field(default_factory=list)
    ranges: bool = True
    packed: bool = False
    modified: str = "Fri, 20 Nov 2026 06:00:00 GMT"
    headers: dict[str, str] = field(default_factory=dict)
    stream: Callable[[], Iterable[bytes]] | None = None
    length: bool = True
    tag: str | None = None


@dataclass
class Asked:
    """One request as it came in."""

    path: str
    query: Query
    headers: dict[str, str]


class PriceServer:
    """The server. ``answers`` by path; a value may be a function of the query."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer | Callable[[Query], Answer]] = {}
        self.asked: list[Asked] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> PriceServer:
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def asked_for(self, path: str) -> list[Asked]:
        """The requests for one path."""
        return [one for one in self.asked if one.path == path]

    def answer(self, path: str) -> Answer:
        """The plain answer of a path, to give it a fault."""
        return cast(Answer, self.answers[path])


def _handler(server: PriceServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            server.asked.append(Asked(parts.path, query, dict(self.headers)))
            found = server.answers.get(parts.path)
            answer = found(query) if callable(found) else found
            if answer is None:
                self._send(404, b"<html>not here</html>", Answer(kind="text/html"))
            elif answer.fail:
                answer.fail -= 1
                status, answer.status = answer.status, answer.status if answer.fail else 200
                self._send(status, b"busy", answer)
            elif answer.stream is not None:
                self._stream(answer)
            elif answer.status != 200:
                self._send(answer.status, answer.body, answer)
            else:
                self._file(answer)

        def _stream(self, answer: Answer) -> None:
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            self.close_connection = True
            for chunk in answer.stream() if answer.stream else ():
                self.wfile.write(chunk)

        def _file(self, answer: Answer) -> None:
            body = gzip.compress(answer.body, mtime=0) if answer.packed else answer.body
            tag = answer.tag or f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            begin, status = 0, 200
            asked = self.headers.get("Range", "")
            fresh = self.headers.get("If-Range") in (None, tag)
            if answer.ranges and asked.startswith("bytes=") and fresh:
                begin, status = int(asked[6:].split("-")[0]), 206
            self.send_response(status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("ETag", tag)
            self.send_header("Last-Modified", answer.modified)
            if answer.length:
                self.send_header("Content-Length", str(len(body) - begin))
            else:
                self.send_header("Connection", "close")
                self.close_connection = True
            if answer.packed:
                self.send_header("Content-Encoding", "gzip")
            if status == 206:
                self.send_header("Content-Range", f"bytes {begin}-{len(body) - 1}/{len(body)}")
            self.end_headers()
            rest = body[begin:]
            if answer.cut:
                self.wfile.write(rest[: answer.cut.pop(0)])
                self.close_connection = True
                return
            self.wfile.write(rest)

        def _send(self, status: int, body: bytes, answer: Answer) -> None:
            self.send_response(status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(len(body)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


def repeated(head: bytes, chunk: bytes, size: int, tail: bytes) -> Iterator[bytes]:
    """A long body that is never held: head, so many bytes of chunks, tail."""
    yield head
    for _ in range(size // len(chunk)):
        yield chunk
    yield tail
