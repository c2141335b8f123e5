"""The schema of the local database, as ordered steps. A step is never edited once released.

`user_version` counts the steps done. sqlite-utils is imported only when a step has to run: it takes
longer to load than a whole scan of a small folder.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any


def _tables(db: Any) -> None:
    """The first schema."""
    db["meta"].create({"key": str, "value": bytes}, pk="key")
    db["device"].create(
        {"no": int, "id": bytes, "name": str, "verifying": bytes, "sequence": int, "hash": bytes, "lamport": int},
        pk="no",
    )
    db["device"].create_index(["id"], unique=True)
    db["object"].create({"name": str, "data": bytes}, pk="name")
    db["record"].create(
        {
            "device": int,
            "sequence": int,
            "hash": bytes,
            "size": int,
            "lamport": int,
            "claimed_ns": int,
            "effective_ns": int,
            "changes": int,
        },
        pk=("device", "sequence"),
    )
    entry = {
        "parent": int,
        "name": bytes,
        "kind": int,
        "mode": int,
        "mtime_ns": int,
        "size": int,
        "depth": int,
        "profile": int,
        "content": bytes,
        "inline": bytes,
        "parents": bytes,
        "recorded_ns": int,
    }
    db["node"].create({"id": int, "version": int, **entry, "ino": int, "ctime_ns": int}, pk="id")
    db["version"].create({"id": int, "node": int, **entry, "superseded_ns": int}, pk="id")
    db["pack"].create(
        {
            "no": int,
            "id": bytes,
            "size": int,
            "epoch": bytes,
            "salt": bytes,
            "algorithm": int,
            "segments": bytes,
            "intent": bytes,
        },
        pk="no",
    )
    db["pack"].create_index(["id"], unique=True)
    db["seen_directory"].create({"node": int, "digest": bytes}, pk="node")
    db["chunk_run"].create({"file": str, "count": int}, pk="file")
    db["problem"].create({"path": bytes, "reason": str, "since_ns": int}, pk="path")
    db.execute("CREATE TABLE chunk_delta (id BLOB PRIMARY KEY, place BLOB) WITHOUT ROWID")
    db.execute("CREATE INDEX node_place ON node (parent, name) WHERE kind <> 4")
    db.execute("CREATE INDEX node_inode ON node (ino)")
    db.execute("CREATE INDEX node_gone ON node (parent, name) WHERE kind = 4")
    db.execute("CREATE INDEX version_node ON version (node, id)")
    db.execute("CREATE INDEX version_place ON version (parent, name)")


def _mounts(db: Any) -> None:
    """Directories where another file system began when they were last seen."""
    db["mount_point"].create({"node": int}, pk="node")


def _devices(db: Any) -> None:
    """What several devices need: where this disk differs from the merged tree, and where the tree is not plain."""
    db.execute("CREATE TABLE base AS SELECT * FROM node WHERE 0")
    db.execute("CREATE UNIQUE INDEX base_id ON base (id)")
    db.execute("CREATE INDEX base_place ON base (parent, name)")
    db.execute("CREATE INDEX base_inode ON base (ino)")
    db.execute("CREATE INDEX node_pending ON node (id) WHERE ino = -1")
    db["head"].create({"node": int, "version": int, "losing": int}, pk=("node", "version"))
    places = {"parent": int, "name": bytes, "wanted_parent": int, "wanted_name": bytes}
    db["want"].create({"node": int, **places}, pk="node")
    db.execute("CREATE INDEX want_place ON want (parent, name)")
    db["hidden"].create({"node": int, "standing": int, "parent": int}, pk="node")
    db.execute("CREATE INDEX hidden_standing ON hidden (standing)")
    db["copy"].create({"node": int, "original": int}, pk="node")
    db.execute("CREATE INDEX copy_original ON copy (original)")
    db.execute("ALTER TABLE node ADD COLUMN was INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE record ADD COLUMN first INTEGER NOT NULL DEFAULT 0")


def _placing(db: Any) -> None:
    """What is being put in place or moved just now: after a crash it stands there, or it does not."""
    db["placing"].create({"node": int, "parent": int, "name": bytes, "ino": int})


def _aliases(db: Any) -> None:
    """What a node is called on this disk where that takes the name it has, in that place, for another's."""
    db["alias"].create({"node": int, "parent": int, "name": bytes, "shown": bytes}, pk="node")


def _checkpoints(db: Any) -> None:
    """Statements as they were said, and the parts of the checkpoint that this device wrote last."""
    db["statement"].create(
        {"device": int, "sequence": int, "place": int, "wire": bytes}, pk=("device", "sequence", "place")
    )
    db["part"].create(
        {"kind": int, "first": bytes, "digest": bytes, "name": bytes, "size": int, "rows": int}, pk=("kind", "first")
    )


def _revived(db: Any) -> None:
    """Finds dead directories that something lives in, which are few."""
    db.execute("CREATE INDEX node_revived ON node (id) WHERE was <> 0 AND kind <> 4")


def _fates(db: Any) -> None:
    """What stands to become of packs, and on which day of this device's life each journal was how long."""
    db.execute("ALTER TABLE pack ADD COLUMN fate INTEGER NOT NULL DEFAULT 0")
    db.execute("CREATE INDEX pack_fate ON pack (fate) WHERE fate <> 0")
    db["receipt"].create({"device": int, "day": int, "counter": int}, pk=("device", "day"))
    db.execute("INSERT INTO receipt SELECT no, 0, 0 FROM device")  # whoever is known by now is waited for


def _kinds(db: Any) -> None:
    """Statements by their kind, which is how each of a CBOR list of two begins (said.py): asked for in every pass."""
    db.execute("CREATE INDEX statement_kind ON statement (substr(wire, 1, 2))")


STEPS: tuple[Callable[[Any], None], ...] = (
    _tables,
    _mounts,
    _devices,
    _placing,
    _aliases,
    _checkpoints,
    _revived,
    _fates,
    _kinds,
)


def missing_steps(connection: sqlite3.Connection) -> int:
    """Return how many steps a database lacks; all of them for an empty one, negative for one of a newer syncd."""
    (done,) = connection.execute("PRAGMA user_version").fetchone()
    return len(STEPS) - int(done)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring a database to the newest schema, in one transaction per step."""
    (done,) = connection.execute("PRAGMA user_version").fetchone()
    if done >= len(STEPS):
        return
    import sqlite_utils

    for number, step in enumerate(STEPS[done:], done + 1):
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            step(sqlite_utils.Database(connection, recursive_triggers=False))
            connection.execute(f"PRAGMA user_version = {number}")
