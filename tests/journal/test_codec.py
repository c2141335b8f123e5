"""Records: what is said is what is read, whatever the values; nothing forged, cut or reordered passes."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.errors import Damaged
from syncd.journal.columns import Column, decode_table, encode_table
from syncd.journal.record import Record, RecordHead, Seen, check_chain, decode, encode
from syncd.journal.statements import FIELDS, Statement, StatementKind, from_wire, state, to_wire
from syncd.model.entry import Change, Kind
from syncd.model.ids import ROOT, DeviceId, key
from syncd.model.location import PackLocations
from syncd.seal.keys import DeviceKeys

VAULT = b"v" * 32
OWN = DeviceKeys.generate(b"s" * 16)
OTHER = DeviceId(b"o" * 16)
NUMBERS = {DeviceId(OWN.id): 1, OTHER: 2}
IDS = {1: DeviceId(OWN.id), 2: OTHER}

names = (
    st.binary(min_size=1, max_size=255)
    .map(lambda b: b.replace(b"/", b"_").replace(b"\0", b"_"))
    .filter(lambda name: name not in (b".", b".."))
)
counters = st.integers(1, (1 << 48) - 1)
identities = st.builds(key, st.sampled_from([1, 2]), counters)
chunk_ids = st.integers(0, 30).map(lambda n: n.to_bytes(16, "big"))
sizes = st.integers(0, 1 << 50)

changes = st.builds(
    Change,
    node=identities,
    parent=st.one_of(st.just(ROOT), identities),
    name=names,
    kind=st.sampled_from(Kind),
    mode=st.integers(0, 0o7777),
    mtime_ns=st.integers(-(1 << 62), 1 << 62),
    size=sizes,
    depth=st.integers(0, 3),
    profile=st.integers(0, 3),
    ids=st.lists(chunk_ids, max_size=5).map(b"".join),
    inline=st.binary(max_size=300),
    parents=st.lists(identities, max_size=4).map(tuple),
)


@st.composite
def packs(draw: st.DrawFn) -> PackLocations:
    counts = draw(st.lists(st.integers(1, 4), max_size=4))
    total = sum(counts)
    lengths = draw(st.lists(st.integers(1, 1 << 22), min_size=total, max_size=total))
    ids = draw(st.lists(chunk_ids, min_size=total, max_size=total))
    return PackLocations(
        draw(st.binary(min_size=32, max_size=32)),
        draw(st.integers(0, 1 << 23)),
        draw(st.sampled_from([b"e" * 16, b"f" * 16])),
        draw(st.binary(min_size=32, max_size=32)),
        tuple(draw(st.lists(st.integers(0, 1 << 23), min_size=len(counts), max_size=len(counts)))),
        tuple(counts),
        b"".join(ids),
        tuple(lengths),
        bytes(draw(st.lists(st.integers(1, 2), min_size=total, max_size=total))),
        draw(st.sampled_from([1, 2])),
    )


def head(sequence: int = 1, **changed: object) -> RecordHead:
    fields: dict[str, object] = {
        "device": DeviceId(OWN.id),
        "sequence": sequence,
        "previous": bytes(32),
        "lamport": 1,
        "claimed_ns": 12345,
        "first_version": 7,
        "verifying": OWN.verifying,
    }
    return RecordHead(**{**fields, **changed})  # type: ignore[arg-type]


def encoded(a_head: RecordHead, rows: list[Change], places: list[PackLocations]) -> bytes:
    return encode(a_head, rows, places, IDS.__getitem__, 1, VAULT, OWN.sign)


def decoded(payload: bytes) -> Record:
    return decode(payload, VAULT, None, NUMBERS.__getitem__, "record/x/1")


@given(rows=st.lists(changes, max_size=12), places=st.lists(packs(), max_size=3))
def test_a_record_says_what_was_said(rows: list[Change], places: list[PackLocations]) -> None:
    frontier = (Seen(OTHER, 3, b"h" * 32, 9),)
    statements = (state(StatementKind.BEAT), state(StatementKind.RENAME_DEVICE, device=OTHER, name="x"))
    said = head(frontier=frontier, statements=statements, lamport=10, more_follow=True)
    record = decoded(encoded(said, rows, places))
    assert record.head == said
    assert record.changes == rows
    assert record.locations == places


def test_a_flipped_bit_is_found_by_the_signature() -> None:
    payload = encoded(head(), [], [])
    source = random.Random(3)
    for _ in range(200):
        at, bit = source.randrange(len(payload)), 1 << source.randrange(8)
        changed = payload[:at] + bytes([payload[at] ^ bit]) + payload[at + 1 :]
        with pytest.raises(Damaged):
            decoded(changed)


@given(garbage=st.binary(max_size=2000))
def test_garbage_is_damage_and_nothing_else(garbage: bytes) -> None:
    """Signed garbage too: a device of our own can write it, and it must not stop a reader."""
    for payload in (garbage, OWN.sign(b"syncd/v1/record" + VAULT + garbage) + garbage):
        with pytest.raises(Damaged):
            decoded(payload)


def test_another_devices_signature_does_not_pass() -> None:
    thief = DeviceKeys.generate(b"t" * 16)
    payload = encode(head(), [], [], IDS.__getitem__, 1, VAULT, thief.sign)
    with pytest.raises(Damaged, match="signature"):
        decoded(payload)
    forged = encode(head(verifying=thief.verifying), [], [], IDS.__getitem__, 1, VAULT, thief.sign)
    with pytest.raises(Damaged, match="another device"):
        decoded(forged)


@pytest.mark.parametrize("name", [b"..", b"a/b", b"a\0b", b".", b""])
def test_names_that_could_leave_the_folder_are_damage(name: bytes) -> None:
    row = Change(key(1, 7), ROOT, name, Kind.FILE, 0, 0, 0, 0, 0, b"", b"", ())
    with pytest.raises(Damaged):
        decoded(encoded(head(), [row], []))


def test_the_chain_is_checked() -> None:
    seen = (Seen(OTHER, 3, b"h" * 32, 9),)
    check_chain(head(2, previous=b"p" * 32, lamport=10, frontier=seen), b"p" * 32, 4, 2, "r")
    check_chain(head(2, previous=b"p" * 32, lamport=5), b"p" * 32, 4, 2, "r")
    wrong = [
        (head(3, previous=b"p" * 32, lamport=5), "follow"),
        (head(2, previous=b"q" * 32, lamport=5), "follow"),
        (head(2, previous=b"p" * 32, lamport=6), "Lamport"),
        (head(2, previous=b"p" * 32, lamport=5, frontier=seen), "Lamport"),
    ]
    for a_head, said in wrong:
        with pytest.raises(Damaged, match=said):
            check_chain(a_head, b"p" * 32, 4, 2, "r")


tables = st.lists(st.tuples(st.sampled_from([1, 2, 4, 8]), st.booleans(), st.lists(st.integers(0, (1 << 64) - 1))))


@given(columns=tables)
def test_columns_come_back(columns: list[tuple[int, bool, list[int]]]) -> None:
    shape = [Column(code, width, delta) for code, (width, delta, _) in enumerate(columns, 1)]
    values = {
        code: [value % (1 << (8 * width)) for value in cells] for code, (width, _, cells) in enumerate(columns, 1)
    }
    assert decode_table(encode_table(shape, values), shape, "table") == values


def test_unknown_columns_are_left_out_or_refused() -> None:
    known, optional, must = Column(1, 1), Column(200, 1), Column(90, 1)
    data = encode_table([known, optional], {1: [1], 200: [2]})
    assert decode_table(data, [known], "table") == {1: [1]}
    with pytest.raises(Damaged, match="unknown"):
        decode_table(encode_table([known, must], {1: [1], 90: [2]}), [known], "table")
    with pytest.raises(Damaged, match="lacks"):
        decode_table(encode_table([optional], {200: [2]}), [known], "table")


SAMPLE = {bytes: b"x" * 16, str: "name", int: 3, list: [b"y" * 16], dict: {}}


@pytest.mark.parametrize("kind", StatementKind)
def test_every_statement_kind_comes_back(kind: StatementKind) -> None:
    statement = state(kind, **{name: SAMPLE[wanted] for name, (_, wanted, _) in FIELDS[kind].items()})
    assert from_wire(to_wire(statement), "test") == statement
    for name, (number, _, optional) in FIELDS[kind].items():
        code, fields = to_wire(statement)
        fields.pop(number)
        if optional:
            assert name not in from_wire([code, fields], "test").fields
        else:
            with pytest.raises(Damaged, match=name):
                from_wire([code, fields], "test")


def test_statements_of_the_future_are_kept() -> None:
    wire = [99, {0: b"x", 7: [1, 2]}]
    assert to_wire(from_wire(wire, "test")) == wire
    known = from_wire([StatementKind.BEAT, {5: "new field"}], "test")
    assert to_wire(known) == [StatementKind.BEAT, {5: "new field"}]
    with pytest.raises(Damaged, match="has to be understood"):
        from_wire([128, {}], "test")
    for wrong in ("beat", [1], [1, 2], ["a", {}]):
        with pytest.raises(Damaged):
            from_wire(wrong, "test")


def test_a_statement_is_made_with_the_fields_of_its_row() -> None:
    for fields in ({}, {"device": b"x"}, {"device": b"x", "name": 3}, {"device": b"x", "name": "y", "more": 1}):
        with pytest.raises(ValueError, match="RENAME_DEVICE"):
            state(StatementKind.RENAME_DEVICE, **fields)
    assert isinstance(state(StatementKind.BEAT), Statement)


def test_a_counter_that_would_be_anothers_identity_is_damage() -> None:
    row = Change(key(1, 7), ROOT, b"a", Kind.FILE, 0, 0, 0, 0, 0, b"", b"", ())
    payload = encoded(head(), [row], [])
    columns = encode_table([Column(1, 2), Column(2, 8, True)], {1: [0], 2: [7]})
    huge = encode_table([Column(1, 2), Column(2, 8, True)], {1: [0], 2: [1 << 48 | 7]})
    at = payload.index(columns[2:])
    body = payload[64:at] + huge[2:] + payload[at + len(columns) - 2 :]
    with pytest.raises(Damaged, match="too large"):
        decoded(OWN.sign(b"syncd/v1/record" + VAULT + body) + body)
