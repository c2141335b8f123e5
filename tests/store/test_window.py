"""How many may ask at once: as many as the store bears, halved where it refuses, wider again where it does not."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import StoreGone
from syncd.store.again import Passing, again
from syncd.store.http import Http
from syncd.store.registry import open_store
from syncd.store.window import MOST, Window
from tests.store.servers import s3


class Clock:
    """Time that passes by itself, a little at each look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1e-6
        return self.now


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([True, False, None])), max_size=200))
def test_no_more_are_under_way_than_there_are_places_and_there_is_always_one(
    acts: list[tuple[bool, bool | None]],
) -> None:
    window, inside = Window(8, Clock()), list[float]()
    for comes, refused in acts:
        if comes or not inside:
            entered = window.enter(0.0)
            if len(inside) >= window.places:
                assert entered is None
            else:
                assert entered is not None
                inside.append(entered)
        else:
            window.leave(inside.pop(0), refused=refused)
        assert 1 <= window.places <= 8
    for entered in inside:
        window.leave(entered, refused=None)
    entered = window.enter(0.0)
    assert entered is not None, "who is the only one always gets in"


def test_what_was_under_way_together_halves_once() -> None:
    window = Window(16, Clock())
    entered = [window.enter(0.0) for _ in range(16)]
    for one in entered:
        assert one is not None
        window.leave(one, refused=True)
    assert window.places == 8
    again_entered = window.enter(0.0)
    assert again_entered is not None
    window.leave(again_entered, refused=True)
    assert window.places == 1, "one alone was too much: fewer than half of what was allowed were there"


def test_answers_widen_it_again_by_one_a_round() -> None:
    window = Window(16, Clock())
    entered = window.enter(0.0)
    assert entered is not None
    window.leave(entered, refused=True)
    assert window.places == 1
    rounds = 0
    while window.places < 16:
        rounds += 1
        for _ in range(window.places):
            place = window.enter(0.0)
            assert place is not None
            window.leave(place, refused=False)
    assert 14 <= rounds <= 32


def test_who_waits_for_a_place_gives_up_when_its_time_is_over() -> None:
    window = Window(1)
    assert window.enter(0.0) is not None
    with pytest.raises(StoreGone, match="asked too often"):
        again(lambda: None, budget_s=0.0, window=window)


def test_a_place_is_given_back_whatever_happens() -> None:
    window = Window(2, Clock())

    def breaks() -> None:
        raise ValueError("a fault of ours")

    for _ in range(5):
        with pytest.raises(ValueError, match="ours"):
            again(breaks, window=window)

    def fails() -> None:
        raise Passing("away")

    with pytest.raises(StoreGone):
        again(fails, budget_s=0.0, window=window)
    assert window.enter(0.0) is not None
    assert window.enter(0.0) is not None


class Narrow(ThreadingHTTPServer):
    """Answers two requests at a time; the third is told that it is one too many, in S3's way."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), NarrowHandler)
        self.places, self.said, self.free = threading.Semaphore(2), Counter[int](), threading.Event()


class NarrowHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        server = self.server
        assert isinstance(server, Narrow)
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        got = server.places.acquire(blocking=False)
        try:
            if got:
                server.free.wait(0.02)  # an answer takes its time
            self._say(200 if got else 503)
        finally:
            if got:
                server.places.release()

    def _say(self, status: int) -> None:
        server = self.server
        assert isinstance(server, Narrow)
        server.said[status] += 1
        body = b"" if status == 200 else b"<Error><Code>SlowDown</Code><Message>less</Message></Error>"
        self.send_response(status)
        self.send_header("ETag", '"x"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("kind", ["http", "s3"])
def test_many_that_ask_a_narrow_store_at_once_all_come_through(kind: str) -> None:
    with Narrow() as server:
        running = threading.Thread(target=server.serve_forever)
        running.start()
        place = f"http://127.0.0.1:{server.server_port}"
        http = Http(place, place)
        store = open_store(
            f"s3://vault/x?endpoint={place}", {"access_key_id": s3.KEY, "secret_access_key": s3.WORD}.get
        )

        failed = list[Exception]()

        def ask(number: int) -> None:
            try:
                if kind == "http":
                    http.ask("PUT", f"/{number}", content=b"x")
                else:
                    store.put(f"pack/ab/{number:064x}", b"x")
            except Exception as error:
                failed.append(error)

        try:
            threads = [threading.Thread(target=ask, args=(number,)) for number in range(24)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        finally:
            http.close()
            with closing(store):
                server.shutdown()
                running.join()
    assert not failed
    assert server.said[200] == 24
    if kind == "http":
        assert http.window.places < MOST, "it was told to ask less"
