"""Ignore rules and directory comparison, and the slow readers against the fast ones."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from syncd.fs import bulk
from syncd.fs.listing import list_directory
from syncd.model.entry import Kind, Stat
from syncd.model.listing import Listing
from syncd.model.version import Row
from syncd.scan.diff import COARSE_NS, TICK_NS, compare, digest, same, too_fresh
from syncd.scan.ignore import DEFAULTS, Rules, explain, pattern_of, patterns_of

simple_patterns = st.text(alphabet="ab.*?~$ #é", min_size=1, max_size=8)
names = st.text(alphabet="ab.~$ #éx", min_size=1, max_size=8).filter(lambda name: name not in (".", ".."))


@given(patterns=st.lists(simple_patterns, max_size=5), name=names, parent=st.sampled_from(["", "dir/", "a/b/"]))
def test_the_quick_way_means_what_git_means(patterns: list[str], name: str, parent: str) -> None:
    rules = Rules(patterns)
    path = (parent + name).encode()
    git = GitIgnoreSpec.from_lines(patterns)
    assume(not any(git.match_file(above) for above in ("dir/", "a/", "a/b/") if parent.startswith(above)))
    assert rules.ignored(path.rpartition(b"/")[0], name.encode(), False) == git.match_file(parent + name), (
        patterns,
        name,
    )


@pytest.mark.parametrize(
    ("name", "ignored"),
    [
        (".DS_Store", True),
        ("._photo.jpg", True),
        ("~$report.docx", True),
        (".notes.txt.swp", True),
        ("4913", False),
        ("archive.part", False),
        ("movie.swp", False),
        (".goutputstream-ABC123", True),
        ("movie.crdownload", True),
        ("report.docx", False),
        (".hidden", False),
        ("swp", False),
        ("cat.swf", False),
        (".syncd-tmp-0123456789ab", True),
        (".syncd-folder", True),
        (".syncd-tmp-mine", False),
        (".syncdignore", False),
    ],
)
def test_defaults(name: str, ignored: bool) -> None:
    rules = Rules(DEFAULTS)
    assert rules.ignored(b"some", name.encode(), False) is ignored
    assert (rules.reason(b"some/" + name.encode(), False) is not None) is ignored


def test_patterns_with_directories_and_exceptions() -> None:
    rules = Rules(["build/", "/top.txt", "*.log", "!keep.log", "docs/**/tmp"])
    cases = [
        (b"build", True, True),
        (b"a/build", True, True),
        (b"build", False, False),
        (b"top.txt", False, True),
        (b"a/top.txt", False, False),
        (b"x.log", False, True),
        (b"keep.log", False, False),
        (b"docs/a/b/tmp", True, True),
    ]
    for path, is_directory, expected in cases:
        assert rules.ignored(path.rpartition(b"/")[0], path.rpartition(b"/")[2], is_directory) is expected, path
    assert explain(rules, b"build/deep/file", False) == "build is ignored by the pattern build/"
    assert explain(rules, b"src/file", False) == "src/file is synced"


def test_the_digest_of_rules_tells_them_apart() -> None:
    assert Rules(["a"]).digest != Rules(["b"]).digest
    assert Rules(["a"]).digest == Rules(["a"]).digest


def stat(kind: Kind = Kind.FILE, **changed: int) -> Stat:
    return Stat(kind, 0o644, 10, 20, 30, 40)._replace(**changed)


def row(kind: Kind = Kind.FILE, **changed: int) -> Row:
    base = Row(1, 1, 0, b"x", kind, 0o644, 20, 10, 0, 1, b"", b"", b"", 0, 40, 30)
    return base._replace(**changed)


def test_every_field_of_a_fingerprint_counts() -> None:
    assert same(row(), stat())
    for field in ("mode", "size", "mtime_ns", "ctime_ns", "ino"):
        assert not same(row(), stat(**{field: 99})), field
    assert not same(row(ctime_ns=0), stat())


def test_what_a_directory_comparison_finds() -> None:
    known = {
        b"same": row(),
        b"edited": row(node=2),
        b"gone": row(node=3),
        b"swapped": row(node=4),
        b"dir": row(Kind.DIRECTORY, node=5),
    }
    entries = [
        (b"same", stat()),
        (b"edited", stat(size=11)),
        (b"swapped", stat(Kind.DIRECTORY)),
        (b"dir", stat(Kind.DIRECTORY, mode=0o700)),
        (b"new", stat()),
    ]
    found = compare(entries, known)
    assert [name for name, _ in found.new] == [b"new"]
    assert [(name, base.node) for name, _, base in found.suspect] == [(b"edited", 2)]
    assert [(name, base.node) for name, _, base in found.replaced] == [(b"swapped", 4)]
    assert [(name, base.node) for name, _, base in found.mode_only] == [(b"dir", 5)]
    assert (found.directories, found.gone) == ([(b"dir", 5)], [3])


def test_a_fingerprint_as_new_as_the_scan_is_distrusted() -> None:
    now = 10**18 + 5
    assert too_fresh(now - TICK_NS + 1, 123, now)
    assert too_fresh(123, now - TICK_NS + 1, now)
    assert not too_fresh(now - TICK_NS - 1, 123, now)
    whole = now - now % 10**9
    assert too_fresh(whole - 10**9, whole - 10**9, now), "a file system with coarse times needs longer"
    assert not too_fresh(whole - COARSE_NS // 10**9 * 10**9 - 10**9, 0, now)


def test_the_digest_of_a_directory_sees_what_the_comparison_sees(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"1234")

    def seen() -> bytes:
        return digest(Listing(*list_directory(os.fsencode(tmp_path), False)), b"rules")

    before = seen()
    assert seen() == before
    os.chmod(path, 0o600)
    assert seen() != before
    before = seen()
    path.rename(tmp_path / "other")
    assert seen() != before


READERS = [bulk.read_files, bulk.read_files_slowly]
WRITERS = [bulk.write_files, bulk.write_files_slowly]


@pytest.mark.parametrize("read", READERS, ids=["installed", "slow"])
def test_bulk_reads_give_whole_expected_files_only(tmp_path: Path, read: bulk.ReadFiles) -> None:
    source = random.Random(1)
    contents = {
        b"empty": b"",
        b"small": b"x",
        b"big": source.randbytes(300_000),
        b"changed": b"abc",
        b"\xff\xfe": b"odd",
    }
    for name, data in contents.items():
        with open(os.path.join(os.fsencode(tmp_path), name), "wb") as file:
            file.write(data)
    os.symlink("small", tmp_path / "link")
    os.mkfifo(tmp_path / "fifo")
    names = [*contents, b"link", b"fifo", b"absent"]

    def expectation(name: bytes) -> bytes:
        try:
            s = os.lstat(os.path.join(os.fsencode(tmp_path), name))
        except FileNotFoundError:
            return bulk.EXPECT.pack(1, 1, 1, 1)
        return bulk.EXPECT.pack(s.st_size, s.st_mtime_ns, s.st_ctime_ns, s.st_ino)

    expect = b"".join(map(expectation, names))
    (tmp_path / "changed").write_bytes(b"abcd")
    got = dict(zip(names, read(os.fsencode(tmp_path), names, expect), strict=True))
    for name, data in contents.items():
        assert got[name] == (None if name == b"changed" else data)
    assert isinstance(got[b"link"], int)
    assert got[b"fifo"] is None or isinstance(got[b"fifo"], int)
    assert got[b"absent"] == 2
    assert read(os.fsencode(tmp_path / "nowhere"), [b"a"], expect[:32]) == [2]
    with pytest.raises(ValueError, match="do not fit"):
        read(os.fsencode(tmp_path), [b"a"], b"")


@pytest.mark.parametrize("write", WRITERS, ids=["installed", "slow"])
def test_bulk_writes_create_and_never_replace(tmp_path: Path, write: bulk.WriteFiles) -> None:
    root = os.fsencode(tmp_path)
    (tmp_path / "there").write_bytes(b"mine")
    os.mkdir(tmp_path / "d")
    names = [b"new", b"there", b"d/below", b"no/such", b"old"]
    meta = b"".join(
        bulk.META.pack(mode, mtime)
        for mode, mtime in [(0o640, 5), (0o600, 5), (0o755, 10**18 + 7), (0o600, 1), (0o444, -1_500_000_000)]
    )
    assert write(root, names, [b"1", b"2", b"3" * 70_000, b"4", b""], meta) == [0, 17, 0, 2, 0]
    assert (tmp_path / "there").read_bytes() == b"mine"
    assert (tmp_path / "d/below").read_bytes() == b"3" * 70_000
    for name, mode, mtime in ((b"new", 0o640, 5), (b"d/below", 0o755, 10**18 + 7), (b"old", 0o444, -1_500_000_000)):
        found = os.lstat(os.path.join(root, name))
        assert (found.st_mode & 0o7777, found.st_mtime_ns) == (mode, mtime)
    with pytest.raises(ValueError, match="do not fit"):
        write(root, [b"x"], [], b"")


@pytest.mark.parametrize("line", ["[z-a]x", "![!z-a]", "/a/[b-a]/*"])
def test_a_pattern_that_nobody_can_read_is_left_out_and_named(line: str) -> None:
    rules = Rules(["*.o", line, "![a&&b]"])
    assert rules.wrong == (line,)
    assert rules.ignored(b"", b"x.o", False)
    assert not rules.ignored(b"", b"x", False)


NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..")
)


@given(st.lists(NAMES, min_size=1, max_size=3), NAMES, st.booleans())
def test_a_path_has_a_pattern_of_its_own(parts: list[str], other: str, is_directory: bool) -> None:
    path = "/".join(parts).encode()
    pattern = pattern_of(path)
    if pattern is None:
        text = "/".join(parts)
        assert text.splitlines() != [text] or text.rstrip() != text.rstrip(" ")
        return
    rules = Rules(patterns_of(pattern + b"\n"))
    assert not rules.wrong
    assert rules.reason(path, is_directory) is not None
    beside = "/".join([*parts[:-1], other]).encode()
    assert beside == path or rules.reason(beside, is_directory) is None
    assert rules.reason("/".join([other, *parts]).encode(), is_directory) is None or other == parts[0]


def test_what_is_no_text_has_no_pattern() -> None:
    assert pattern_of(b"a\xffb") is None
    assert pattern_of(b"a\nb") is None
    assert pattern_of(b"") is None
