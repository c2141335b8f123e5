"""The planner: from what a disk has to what the tree wants, whatever the order in which steps are taken.

One random tree is changed twice, as two devices would; the steps between the two are taken shuffled, over and over, as
an executor takes them that looks before each: nothing is replaced that stands, no directory is removed that
holds something, nothing is put where no directory is.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from syncd.model.entry import Kind
from syncd.model.ids import ROOT
from syncd.model.version import Row
from syncd.plan.steps import Step, StepKind, Waiting, plan, steps_for

NAMES = [b"a", b"b", b"c"]
ROUNDS = 200
Tree = dict[int, Row]


def entry(node: int, parent: int, name: bytes, kind: int, content: bytes, mode: int = 0o644) -> Row:
    return Row(node, node, parent, name, kind, mode, 0, len(content), 0, 0, content, b"", b"", 0)


def depth_of(tree: Tree, node: int) -> int:
    steps = 0
    while node != ROOT:
        node, steps = tree[node].parent, steps + 1
    return steps


def below(tree: Tree, node: int, top: int) -> bool:
    """Tell whether a node is another, or lies in it."""
    while node != ROOT:
        if node == top:
            return True
        node = tree[node].parent
    return False


def free(tree: Tree, parent: int, name: bytes) -> bool:
    return not any((row.parent, row.name) == (parent, name) for row in tree.values())


def change(tree: Tree, source: random.Random, steps: int, first: int) -> Tree:
    """Return a tree to which somebody did something; new nodes are numbered from `first`."""
    tree = dict(tree)
    for step in range(steps):
        parents = [ROOT, *(node for node, row in tree.items() if row.kind == Kind.DIRECTORY)]
        parent, name = source.choice(parents), source.choice(NAMES)
        what = source.choice(["new", "new", "directory", "edit", "mode", "move", "move", "remove", "swap"])
        nodes = list(tree)
        node = source.choice(nodes) if nodes else None
        if what in ("new", "directory") and free(tree, parent, name):
            kind = Kind.DIRECTORY if what == "directory" else Kind.FILE
            content = b"" if kind == Kind.DIRECTORY else b"%016d" % source.randrange(1 << 40)
            tree[first + step] = entry(first + step, parent, name, kind, content)
        elif node is None:
            continue
        elif what == "edit" and tree[node].kind == Kind.FILE:
            tree[node] = tree[node]._replace(content=b"%016d" % source.randrange(1 << 40))
        elif what == "mode":
            tree[node] = tree[node]._replace(mode=source.choice([0o600, 0o644, 0o755]))
        elif what == "move" and free(tree, parent, name) and not below(tree, parent, node):
            tree[node] = tree[node]._replace(parent=parent, name=name)
        elif what == "remove":
            tree = {other: row for other, row in tree.items() if not below(tree, other, node)}
        elif what == "swap":
            other = source.choice(nodes)
            if not below(tree, other, node) and not below(tree, node, other):
                one, two = tree[node], tree[other]
                tree[node] = one._replace(parent=two.parent, name=two.name)
                tree[other] = two._replace(parent=one.parent, name=one.name)
    return tree


@dataclass
class Disk:
    """What a disk has, and how an executor changes it: each step only where it can be taken."""

    tree: Tree
    wanted: Tree
    asides: int = 0
    in_the_way: set[int] = field(default_factory=set)
    writes: list[int] = field(default_factory=list)

    def waiting(self) -> list[Waiting]:
        found = []
        for node in sorted(self.tree.keys() | self.wanted.keys()):
            have, want = self.tree.get(node), self.wanted.get(node)
            if have != want:
                found.append(Waiting(node, have, want, depth_of(self.wanted if want else self.tree, node)))
        return found

    def take(self, step: Step) -> bool:
        """Take a step if that can be done; return whether it was."""
        node = step.waiting.node
        have, want = self.tree.get(node), self.wanted.get(node)
        if step.kind == StepKind.REMOVE:
            if have is None or any(row.parent == node for row in self.tree.values()):
                return False
            del self.tree[node]
            return True
        assert want is not None
        if step.kind in (StepKind.REPLACE, StepKind.DRESS):
            if have is None:
                return False
            self.tree[node] = want._replace(parent=have.parent, name=have.name)
            return True
        if want.parent != ROOT and want.parent not in self.tree:
            return False
        if (step.kind == StepKind.MOVE) != (have is not None) or below(self.tree, want.parent, node):
            return False
        if have is not None and (have.parent, have.name) == (want.parent, want.name):
            return False
        occupant = next((row for row in self.tree.values() if (row.parent, row.name) == (want.parent, want.name)), None)
        if occupant is not None:
            if self.wanted.get(occupant.node) != occupant:
                self.in_the_way.add(occupant.node)
            return False
        self.tree[node] = want if have is None else have._replace(parent=want.parent, name=want.name)
        return True

    def make_way(self) -> bool:
        """Give what stands in the way a name that nobody wants."""
        for node in self.in_the_way & self.tree.keys():
            self.asides += 1
            self.tree[node] = self.tree[node]._replace(name=b"aside %d" % self.asides)
        moved = bool(self.in_the_way)
        self.in_the_way.clear()
        return moved


def trees(seed: int) -> tuple[random.Random, Tree, Tree]:
    source = random.Random(seed)
    common = change({}, source, source.randrange(14), 1)
    return source, change(common, source, source.randrange(12), 100), change(common, source, source.randrange(12), 200)


@given(seed=st.integers(0, 1 << 48))
def test_shuffled_steps_end_and_end_in_what_is_wanted(seed: int) -> None:
    source, have, want = trees(seed)
    disk = Disk(dict(have), want)
    for _ in range(ROUNDS):
        steps = plan(disk.waiting())
        if not steps:
            break
        source.shuffle(steps)
        done = [disk.take(step) for step in steps]
        if not any(done) and not disk.make_way():
            raise AssertionError(f"nothing can be done: {steps}")
        disk.in_the_way.clear()
    assert disk.tree == want


@given(seed=st.integers(0, 1 << 48))
def test_steps_in_their_own_order_need_few_rounds(seed: int) -> None:
    _, have, want = trees(seed)
    disk = Disk(dict(have), want)
    for _ in range(12):
        done = [disk.take(step) for step in plan(disk.waiting())]
        if not done:
            break
        if not any(done):
            disk.make_way()
        disk.in_the_way.clear()
    assert disk.tree == want


@given(seed=st.integers(0, 1 << 48))
def test_equal_trees_plan_nothing_and_what_is_equal_is_left_alone(seed: int) -> None:
    _, have, want = trees(seed)
    assert not plan(Disk(dict(want), want).waiting())
    touched = {step.waiting.node for step in plan(Disk(dict(have), want).waiting())}
    assert not touched & {node for node in have if have[node] == want.get(node)}


@given(seed=st.integers(0, 1 << 48))
def test_no_step_removes_what_is_wanted(seed: int) -> None:
    _, have, want = trees(seed)
    for step in plan(Disk(dict(have), want).waiting()):
        if step.kind == StepKind.REMOVE:
            assert step.waiting.node not in want


@given(seed=st.integers(0, 1 << 48))
def test_parents_come_first_and_removals_last(seed: int) -> None:
    _, have, want = trees(seed)
    steps = plan(Disk(dict(have), want).waiting())
    made = {step.waiting.node: at for at, step in enumerate(steps) if step.kind == StepKind.CREATE_DIRECTORY}
    for at, step in enumerate(steps):
        if step.kind in (StepKind.CREATE, StepKind.CREATE_DIRECTORY):
            assert step.waiting.want is not None
            assert made.get(step.waiting.want.parent, -1) < at
    first = next((at for at, step in enumerate(steps) if step.kind == StepKind.REMOVE), len(steps))
    assert all(step.kind == StepKind.REMOVE for step in steps[first:])


def test_another_kind_is_removed_and_made() -> None:
    old, new = entry(1, ROOT, b"a", Kind.FILE, b"0" * 16), entry(1, ROOT, b"a", Kind.DIRECTORY, b"")
    assert [step.kind for step in steps_for(Waiting(1, old, new, 1))] == [StepKind.REMOVE, StepKind.CREATE_DIRECTORY]
