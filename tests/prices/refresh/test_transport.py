"""The network as it is: connections that break, servers that are busy, answers that are not what was asked for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from spendgate.errors import InputError
from spendgate.prices.refresh.progress import Progress
from spendgate.prices.refresh.transport import Client, joined, lines, named
from tests.prices.refresh.server import Answer, PriceServer, repeated

BODY = b"".join(b"line %d\n" % number for number in range(50_000))


@pytest.fixture
def client() -> Client:
    return Client(Progress(quiet=True), timeout=5, attempts=3, sleep=lambda _: None)


def whole(client: Client, url: str) -> bytes:
    return b"".join(client.stream(url))


@pytest.mark.parametrize("packed", [False, True])
def test_a_broken_download_goes_on_where_it_broke(server: PriceServer, client: Client, packed: bool):
    server.answers["/list"] = Answer(BODY, cut=[70_000, 1, 20_000, 0], packed=packed)
    assert whole(client, f"{server.url}/list") == BODY
    asked = [one.headers.get("Range") for one in server.asked]
    assert asked[:4] == [None, "bytes=70000-", "bytes=70001-", "bytes=90001-"]
    assert all(one.headers.get("If-Range") for one in server.asked[1:])


def test_a_server_without_ranges_is_read_again_and_what_is_known_is_skipped(server: PriceServer, client: Client):
    server.answers["/list"] = Answer(BODY, cut=[70_000], ranges=False)
    assert whole(client, f"{server.url}/list") == BODY


def test_a_file_that_changes_in_between_is_not_patched_together(server: PriceServer, client: Client):
    server.answers["/list"] = Answer(BODY, cut=[70_000])
    chunks = iter(client.stream(f"{server.url}/list"))
    next(chunks)
    server.answers["/list"] = Answer(BODY.replace(b"line", b"LINE"))
    with pytest.raises(InputError, match="it changed while it was read"):
        list(chunks)


def test_breaks_without_progress_end_in_an_error(server: PriceServer, client: Client):
    server.answers["/list"] = Answer(BODY, cut=[70_000, *[0] * 10])
    with pytest.raises(InputError, match="the connection broke; given up after 3 attempts"):
        whole(client, f"{server.url}/list")
    assert len(server.asked) == 3


def test_a_packed_answer_that_ends_in_the_middle_is_noticed_without_a_length(server: PriceServer, client: Client):
    server.answers["/list"] = Answer(BODY, cut=[30_000], packed=True, length=False)
    with pytest.raises(InputError, match="the answer ends in the middle"):
        whole(client, f"{server.url}/list")


def test_a_damaged_packed_answer_is_noticed(server: PriceServer, client: Client):
    server.answers["/list"] = Answer(stream=lambda: [b"no gzip at all"], headers={})
    server.answers["/packed"] = Answer(b"\x1f\x8bnonsense", headers={"Content-Encoding": "gzip"}, status=200, fail=1)
    with pytest.raises(InputError, match="it is damaged"):
        whole(client, f"{server.url}/packed")


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_busy_server_is_asked_again(server: PriceServer, client: Client, status: int):
    server.answers["/list"] = Answer(BODY, status=status, fail=2)
    assert whole(client, f"{server.url}/list") == BODY
    assert len(server.asked) == 3


def test_waits_grow_and_the_server_may_ask_for_more(server: PriceServer):
    waits: list[float] = []
    client = Client(Progress(quiet=True), attempts=4, wait=1.0, sleep=waits.append)
    server.answers["/list"] = Answer(status=503, fail=9)
    with pytest.raises(InputError, match="the server answers 503; given up after 4 attempts"):
        whole(client, f"{server.url}/list")
    assert [1 <= waits[0] < 1.3, 2 <= waits[1] < 2.6, 4 <= waits[2] < 5.1] == [True] * 3
    waits.clear()
    server.answers["/list"] = Answer(BODY, status=429, fail=1, headers={"Retry-After": "17"})
    whole(client, f"{server.url}/list")
    assert waits == [17.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410])
def test_a_refusal_is_final(server: PriceServer, client: Client, status: int):
    server.answers["/list"] = Answer(b"no", status=status)
    with pytest.raises(InputError, match=f"the server answers {status}"):
        whole(client, f"{server.url}/list?key=secret")
    assert len(server.asked) == 1


def test_a_host_that_is_not_there_is_told(client: Client):
    with pytest.raises(InputError, match="the host cannot be reached; given up after 3 attempts"):
        whole(client, "http://127.0.0.1:9/list")


def test_a_proxy_is_used_and_hosts_without_one_are_not(
    server: PriceServer, client: Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    server.answers["/list"] = Answer(BODY)
    assert whole(client, "http://prices.example/list") == BODY
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert whole(client, f"{server.url}/list") == BODY


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<!DOCTYPE html><title>Sign in</title>", "the answer is a web page, not JSON"),
        (b"  ", "the answer is empty"),
        (b'{"a": ', "the answer is no JSON"),
        (b"[1]", "JSON of another form"),
        (b"[" * 100_000, "the answer is no JSON"),
        (b"\xff\xfe", "the answer is no JSON"),
    ],
)
def test_a_page_that_is_no_json_object_is_told(server: PriceServer, client: Client, body: bytes, message: str):
    server.answers["/page"] = Answer(body)
    with pytest.raises(InputError, match=message):
        client.page(f"{server.url}/page")


def test_no_line_is_held_beyond_what_a_line_can_be(server: PriceServer, client: Client):
    server.answers["/list"] = Answer(stream=lambda: repeated(b"", b"x" * 65536, 4 << 20, b"\n"))
    with pytest.raises(InputError, match="there is no end of a line"):
        list(lines(client.stream(f"{server.url}/list")))


def test_lines_come_as_they_are_written():
    assert list(lines(iter([b"a\nb", b"c\n", b"", b"\nd"]))) == [b"a", b"bc", b"", b"d"]


def test_an_address_is_shown_without_query_and_login():
    assert named("https://me:word@host:8/a?key=secret#x") == "https://host:8/a"


@pytest.mark.parametrize("path", ["//evil.example/x", "https://evil.example/x", "x"])
def test_a_path_that_leads_elsewhere_is_refused(path: str):
    with pytest.raises(InputError, match="leads elsewhere"):
        joined("https://host", path)


def test_progress_is_one_moving_line_on_a_terminal_and_lines_elsewhere(
    terminal: Callable[[bool], tuple[Progress, list[str]]],
):
    for tty in (True, False):
        progress, written = terminal(tty)
        progress.start("aws us-east-1")
        progress.add(size=3_000_000, rows=500)
        progress.done("aws us-east-1: 5 types")
        text = "".join(written)
        assert ("\r" in text) is tty
        assert text.endswith("aws us-east-1: 5 types (3.0 MB)\n")


@pytest.fixture
def terminal() -> Callable[[bool], tuple[Progress, list[str]]]:
    import io

    def make(tty: bool) -> tuple[Progress, list[str]]:
        written: list[str] = []

        class Stream(io.StringIO):
            def isatty(self) -> bool:
                return tty

            def write(self, text: str) -> int:
                written.append(text)
                return len(text)

        return Progress(Stream()), written

    return make
