"""The tests keep to their own rules: shared parts stand in helper modules, and nothing private of ours is reached
into."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from midwatch import PACKAGES

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
PRIVATE = re.compile(r"^_[a-z]\w*$")
DEFINED = re.compile(
    r"\bdef (_[a-z]\w*)|(?:^[ ]*|, )(?:self\.|cls\.)?(_[a-z]\w*)(?=,[^\n]* = |: | [-+|&]?= )", re.MULTILINE
)
REACHED = re.compile(r"(?<!\bself)(?<!\bcls)\.(_[a-z]\w*)|\"(_[a-z]\w*)\"")
IMPORTED = re.compile(r"^[ ]*(?:from|import) tests\b[^\n(]*(?:\([^)]*)?\b(?:test_|conftest)", re.MULTILINE)
OTHER_TEST = re.compile(r"^tests\.(\w+\.)*(test_\w+|conftest)$")


def texts(folder: Path) -> Iterator[tuple[Path, str]]:
    return ((path, path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.py")))


def names(pattern: re.Pattern[str], text: str) -> set[str]:
    return {name for groups in pattern.findall(text) for name in groups if name}


def private_names() -> set[str]:
    """The private attributes and functions that our packages define."""
    return {name for package in PACKAGES for _, text in texts(ROOT / package) for name in names(DEFINED, text)}


def imports(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {node.module or "", *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found


def reached(tree: ast.Module) -> set[str]:
    """Private members of others: `other._x`, `setattr(other, "_x", …)`."""
    nodes = list(ast.walk(tree))
    own = {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
    }
    own |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    found = {node.attr for node in nodes if isinstance(node, ast.Attribute)} - {"_exit"}  # `os._exit` is public
    for node in nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            if name in ("setattr", "getattr", "object", "delattr"):
                found |= {
                    arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
                }
    return {name for name in found if PRIVATE.match(name)} - own


def test_test_file_imports_no_other_test_or_conftest() -> None:
    guilty = {
        str(path.relative_to(TESTS))
        for path, text in texts(TESTS)
        if IMPORTED.search(text) and any(map(OTHER_TEST.match, imports(ast.parse(text))))
    }
    assert guilty == set()


def test_test_file_uses_no_private_member_of_ours() -> None:
    ours = private_names()
    guilty = {
        str(path.relative_to(TESTS))
        for path, text in texts(TESTS)
        if names(REACHED, text) & ours and reached(ast.parse(text)) & ours
    }
    assert guilty == set()
