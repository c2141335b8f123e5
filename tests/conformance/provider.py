"""The suite that every provider passes: subclass `ProviderSuite`, give it a fixture `store`.

It holds a provider to the page of promises in syncd/store/provider.py. Third parties run it as we do.
"""

from __future__ import annotations

import random
import threading

import pytest

from syncd.errors import ObjectExists, ObjectMissing
from syncd.store.provider import LARGEST_OBJECT, Provider

NAME = "pack/ab/" + "ab" * 32


class ProviderSuite:
    """Promises of the port, one test each."""

    def test_what_was_put_is_there(self, store: Provider) -> None:
        store.put(NAME, b"some bytes")
        assert store.get(NAME) == b"some bytes"
        assert store.stat(NAME) == 10

    @pytest.mark.parametrize("size", [0, 1, 1024, LARGEST_OBJECT])
    def test_every_size_up_to_the_largest(self, store: Provider, size: int) -> None:
        data = random.Random(size).randbytes(size)
        store.put(NAME, data)
        assert store.get(NAME) == data
        assert store.stat(NAME) == size

    def test_a_put_may_be_repeated(self, store: Provider) -> None:
        store.put(NAME, b"same")
        store.put(NAME, b"same")
        assert store.get(NAME) == b"same"

    def test_what_a_put_left_is_confirmed(self, store: Provider) -> None:
        store.put("pack/ab/abc", b"some bytes")
        assert store.confirm("pack/ab/abc") == 10
        assert store.confirm("pack/ab/other") is None

    def test_a_name_is_not_given_to_other_bytes(self, store: Provider) -> None:
        store.put(NAME, b"first")
        with pytest.raises(ObjectExists):
            store.put(NAME, b"other")
        assert store.get(NAME) == b"first"

    def test_ranges(self, store: Provider) -> None:
        data = random.Random(1).randbytes(300_000)
        store.put(NAME, data)
        for start, length in ((0, 10), (65_536, 65_536), (299_990, 100), (0, None), (100, None), (300_000, 5)):
            end = None if length is None else start + length
            assert store.get(NAME, start, length) == data[start:end]

    def test_what_is_not_there(self, store: Provider) -> None:
        assert store.stat(NAME) is None
        with pytest.raises(ObjectMissing):
            store.get(NAME)
        store.delete(NAME)

    def test_deleting(self, store: Provider) -> None:
        store.put(NAME, b"x")
        store.delete(NAME)
        store.delete(NAME)
        assert store.stat(NAME) is None
        store.put(NAME, b"anew")
        assert store.get(NAME) == b"anew"

    def test_listing_is_whole_and_in_order(self, store: Provider) -> None:
        names = [f"pack/{i:02x}/{i:064x}" for i in range(40)] + [f"record/{'a' * 32}/{i:016x}" for i in range(20)]
        shuffled = names[:]
        random.Random(2).shuffle(shuffled)
        for name in shuffled:
            store.put(name, name.encode())
        assert [listed.name for listed in store.list()] == sorted(names)
        assert [listed.name for listed in store.list("record/")] == sorted(names)[40:]
        assert [listed.name for listed in store.list(f"record/{'a' * 32}/{1:015x}")] == [
            f"record/{'a' * 32}/{16 + i:016x}" for i in range(4)
        ]
        assert list(store.list("nothing/")) == []
        assert store.directories("pack") == [f"{i:02x}" for i in range(40)]
        assert store.directories("record") == ["a" * 32]
        assert store.directories(f"record/{'a' * 32}") == store.directories("nothing") == []
        assert all(listed.size == len(listed.name) for listed in store.list())

    def test_many_creators_of_one_name(self, store: Provider) -> None:
        """A 16-way race: the bytes of exactly one creator stand, and every other is told.

        A store that cannot do that says so; then one of the creators' bytes stand, whole.
        """
        results: list[bytes] = []
        start = threading.Barrier(16)

        def create(number: int) -> None:
            data = bytes([number]) * 50_000
            start.wait()
            try:
                store.put(NAME, data)
            except ObjectExists:
                return
            results.append(data)

        threads = [threading.Thread(target=create, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == 1 or (results and not store.capabilities.conditional)
        assert store.get(NAME) in results

    def test_many_threads(self, store: Provider) -> None:
        def work(number: int) -> None:
            for i in range(10):
                name = f"part/{number:02x}/{i:064x}"
                store.put(name, name.encode())
                assert store.get(name) == name.encode()

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(list(store.list("part/"))) == 80

    def test_it_says_where_it_is_and_what_it_can(self, store: Provider) -> None:
        assert "://" in store.url
        assert store.capabilities.largest >= LARGEST_OBJECT
