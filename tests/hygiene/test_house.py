"""The rules of the house, kept by machine: purity, sizes, reasons, docs that are true."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from syncd.cli.main import COMMANDS, cli
from syncd.config.settings import Settings, dump, load
from syncd.errors import SyncdError
from syncd.journal.rows import CHANGE_COLUMNS, LOCATION_COLUMNS
from syncd.journal.statements import FIELDS, StatementKind
from syncd.seal.envelope import ObjectKind
from syncd.store.registry import KINDS
from tests.hygiene.dashboard import SHOWN, picture

ROOT = Path(__file__).parents[2]
MODULES = sorted([*(ROOT / "syncd").rglob("*.py"), *(ROOT / "tui").rglob("*.py")])
LONGEST_FILE, LONGEST_FUNCTION = 400, 60
PURE = [
    "model/*",
    "chunk/*",
    "journal/*",
    "merge/*",
    "scan/diff",
    "scan/ignore",
    "watch/pending",
    "history/*",
    "seal/padding",
    "seal/envelope",
    "pack/writer",
    "tui/state",
    "tui/format",
    "tui/headline",
    "tui/rows",
    "tui/actions",
]
IMPURE = {
    "os",
    "pathlib",
    "time",
    "random",
    "secrets",
    "socket",
    "sqlite3",
    "httpx",
    "subprocess",
    "asyncio",
    "logging",
}
# Named for what they bring in as arguments: a type, never a clock or a die of their own.
ALLOWED = {"pack/writer": {"random"}}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT).with_suffix("")).removeprefix("syncd/")


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_file_says_what_it_is_for_and_keeps_its_size(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), f"{path} does not say what it is for"
    assert text.count("\n") <= LONGEST_FILE
    for function in functions(tree):
        assert (function.end_lineno or 0) - function.lineno <= LONGEST_FUNCTION, f"{function.name} is too long"


@pytest.mark.parametrize("pattern", PURE)
def test_pure_rooms_do_no_io(pattern: str) -> None:
    room = pattern if pattern.startswith("tui/") else f"syncd/{pattern}"
    found = [path for path in MODULES if path.match(f"{room}.py")]
    assert found
    for path in found:
        imported = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                imported.add(node.module.split(".")[0])
        assert not imported & IMPURE - ALLOWED.get(name_of(path), set()), path


def test_import_contracts_are_kept() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c(['--no-cache'])"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_every_dependency_says_why_it_is_there() -> None:
    inside = False
    for line in (ROOT / "pyproject.toml").read_text().splitlines():
        inside = inside and line.strip() != "]"
        if inside and line.strip():
            assert re.search(r'",\s*# \w.{10,}', line), line
        if line.startswith(("dependencies", "dev", "bench")) and line.endswith("["):
            inside = True


def test_the_example_of_the_settings_is_the_settings(tmp_path: Path) -> None:
    example = ROOT / "config.example.toml"
    assert example.read_text() == dump(Settings()), "run `make example`"
    assert load(example) == Settings()


def test_the_format_document_names_every_kind() -> None:
    text = (ROOT / "docs/format.md").read_text()
    for kind in ObjectKind:
        assert f"| {kind.word} | {int(kind)} |" in text
    statements = text.partition("### Statements")[2]
    for statement in StatementKind:
        row = next(line for line in statements.splitlines() if line.startswith(f"| {int(statement)} | "))
        assert statement.name.lower().replace("_", "-") in row
        for number, _, _ in FIELDS[statement].values():
            assert f"{number} " in row
    documented = set(map(int, re.findall(r"\b\d+\b", " ".join(re.findall(r"^\| ([\d, ]+) \|", text, re.MULTILINE)))))
    assert {column.code for column in (*CHANGE_COLUMNS, *LOCATION_COLUMNS)} <= documented


def commands() -> dict[str, click.Command]:
    context = click.Context(cli)
    return {name: cli.get_command(context, name) for name in COMMANDS}  # type: ignore[attr-defined, misc]


def test_every_command_has_help_and_is_documented() -> None:
    text = (ROOT / "docs/commands.md").read_text()
    for name, command in commands().items():
        assert command.help, name
        assert f"## syncd {name}" in text, f"docs/commands.md lacks {name}; run `make docs`"


def test_the_command_reference_is_the_code() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.hygiene.reference"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (ROOT / "docs/commands.md").read_text() == done.stdout, "run `make docs`"


def test_the_dashboards_document_and_pictures_are_those_of_the_code() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.hygiene.dashboard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (ROOT / "docs/dashboard.md").read_text() == done.stdout, "run `make docs`"
    for place in SHOWN:
        assert (ROOT / f"docs/pictures/{place}.svg").read_text() == picture(place), "run `make docs`"


def test_every_error_says_what_it_is() -> None:
    def below(kind: type[SyncdError]) -> list[type[SyncdError]]:
        return [kind] + [found for child in kind.__subclasses__() for found in below(child)]

    tree = (ROOT / "syncd/errors.py").read_text()
    for kind in below(SyncdError):
        assert kind.__doc__
        if kind.__module__ == "syncd.errors":
            assert kind.__name__ in tree.split('"""')[1], f"{kind.__name__} is not drawn in the tree"
            assert kind.exit in (1, 2, 4, 10, 11, 12)


def test_the_readmes_commands_are_real() -> None:
    text = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"make (\w+)", text):
        assert f"\n{target}:" in makefile, target
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for command in re.findall(r"(?:^|`)syncd (\w+)", path.read_text(), re.MULTILINE):
            assert command in COMMANDS, f"{path}: {command}"


def test_links_lead_somewhere() -> None:
    for path in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path}: {target}"


def test_prose_and_code_name_no_machine() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    for name in tracked:
        path = ROOT / name
        if path.suffix in {".py", ".md", ".toml", ".c"} and path.is_file() and "hygiene" not in name:
            assert not re.search(r"(?<![\w.~$}])/(work|root|farm)/", path.read_text()), name


@pytest.mark.parametrize("scheme", KINDS)
def test_the_page_of_stores_tells_of_every_kind(scheme: str) -> None:
    """Its options and secrets, too; those of the environment by their variables."""
    page = (ROOT / "docs/stores.md").read_text()
    (row,) = [line for line in page.splitlines() if line.startswith(f"| `{scheme}://")]
    kind = KINDS[scheme]
    cells = row.strip("|").split("|")
    assert [option for option in kind.options if f"`{option}`" not in cells[2]] == []
    assert [secret.name for secret in kind.secrets if f"`{secret.name}`" not in cells[3]] == []
    assert [secret.variable for secret in kind.secrets if secret.variable not in page] == []
