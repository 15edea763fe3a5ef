"""The tests keep to their own rules: shared parts stand in helper modules, and nothing private of ours is reached
into."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Sequence
from pathlib import Path

from midwatch import PACKAGES

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
OTHER_TEST = re.compile(r"^tests\.(\w+\.)*(test_\w+|conftest)$")
PRIVATE = re.compile(r"^_[a-z]\w*$")


@functools.cache
def trees(folder: Path) -> Sequence[tuple[Path, ast.Module]]:
    return [(path, ast.parse(path.read_text(encoding="utf-8"))) for path in sorted(folder.rglob("*.py"))]


def private_names() -> set[str]:
    """The private attributes and functions that our packages define."""
    found: set[str] = set()
    for package in PACKAGES:
        for _, tree in trees(ROOT / package):
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    found.add(node.name)
                elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                    found.add(node.attr)
                elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    found.add(node.id)
    return {name for name in found if PRIVATE.match(name)}


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
    guilty = {str(path.relative_to(TESTS)) for path, tree in trees(TESTS) if any(map(OTHER_TEST.match, imports(tree)))}
    assert guilty == set()


def test_test_file_uses_no_private_member_of_ours() -> None:
    ours = private_names()
    guilty = {str(path.relative_to(TESTS)) for path, tree in trees(TESTS) if reached(tree) & ours}
    assert guilty == set()
