"""Commands that only look: the same answers through a running agent as without one, and the agent's at once."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from syncd.cli.main import run as command_line
from tests.tui.driving import Scene, furnish
from tests.world import environment, run_cli

pytestmark = pytest.mark.slow
LARGE = random.Random(8).randbytes(3_500_000)

QUESTIONS: list[tuple[str, ...]] = [
    ("ls",),
    ("ls", "Documents"),
    ("ls", "Documents/plan.md"),
    ("ls", "-R", "--deleted"),
    ("ls", "-R", "--json"),
    ("ls", "--at", "2000-01-01"),
    ("ls", "nowhere"),
    ("find", "*.ods"),
    ("find", "Documents/*", "--deleted", "--json"),
    ("find", "nothing-like-it"),
    ("history", "Documents/plan.md"),
    ("history", "Documents/plan.md", "--json"),
    ("history", "nowhere"),
    ("history", "."),
    ("cat", "Documents/plan.md"),
    ("cat", "Documents"),
    ("cat", "nowhere"),
    ("cat", "Documents/plan.md", "--version", "zz-1"),
    ("cat", "odd"),
    ("cat", "large"),
    ("cat", "empty"),
    ("diff", "Documents/plan.md"),
    ("diff", "large"),
    ("diff", "odd"),
    ("activity",),
    ("activity", "--json", "-n", "3"),
    ("conflict", "list"),
    ("conflict", "list", "--json"),
    ("conflict", "show", "nowhere"),
    ("review", "list"),
    ("device", "list"),
    ("device", "list", "--json"),
    ("device", "show-code"),
    ("status", "Documents/plan.md"),
    ("status", "large", "--json"),
    ("status", "nowhere"),
    ("verify", "--read-data", "100"),
    ("verify", "--json"),
    ("restore", "Documents", "--to", "{away}", "--dry-run"),
]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    found = furnish(tmp_path_factory.mktemp("looking"))
    folder = found.laptop.folder
    (folder / "large").write_bytes(LARGE)
    (folder / "empty").write_bytes(b"")
    (folder / "odd").symlink_to("Documents/plan.md")
    home = found.laptop.root / "laptop" / "home"
    assert run_cli(home, "sync").returncode in (0, 3)
    yield found
    found.kill()


Ask = Callable[..., tuple[int, bytes, bytes]]


@pytest.fixture
def ask(scene: Scene, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Ask:
    """Run a command in this process: no interpreter has to start for each question."""
    for name, value in environment(scene.laptop.root / "laptop" / "home").items():
        monkeypatch.setenv(name, value)

    def run(*question: str) -> tuple[int, bytes, bytes]:
        code = command_line([part.format(away=scene.laptop.root / "away") for part in question])
        sys.stdout.flush()
        return code, *capfdbinary.readouterr()

    return run


def test_the_agent_says_what_the_vault_says(scene: Scene, ask: Ask) -> None:
    conflicted = json.loads(ask("conflict", "list", "--json")[1])[0]
    questions = [*QUESTIONS, ("conflict", "show", conflicted["path"]), ("conflict", "show", conflicted["copy_path"])]
    alone = {question: ask(*question) for question in questions}
    assert alone["cat", "large"][1] == LARGE
    assert alone["cat", "odd"][1] == b"Documents/plan.md\n"
    assert {code for code, _, _ in alone.values()} >= {0, 1, 2}
    scene.start()
    try:
        for question in questions:
            assert ask(*question) == alone[question], question
    finally:
        scene.kill()


def test_it_is_the_agent_that_is_asked(scene: Scene) -> None:
    """What loads the vault is not loaded; so the answer is another process's."""
    home = scene.laptop.root / "laptop" / "home"
    code = "import sys; from syncd.cli.main import main; sys.argv[1:] = {!r}\ntry: main()\nexcept SystemExit: pass\n"
    code += "print(sorted(name for name in sys.modules if name.startswith(('syncd.engine.vault', 'cryptography'))))"
    scene.start()
    try:
        for question in (["ls", "-R"], ["history", "Documents/plan.md"], ["cat", "large"], ["device", "list"]):
            done = subprocess.run(
                [sys.executable, "-c", code.format(question)], env=environment(home), capture_output=True, check=True
            )
            assert done.stdout.endswith(b"[]\n"), (question, done.stdout[-200:], done.stderr)
    finally:
        scene.kill()
