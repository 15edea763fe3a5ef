"""Our classes are composed of parts: chains of inheritance are short, and the engine and the incident screen have
none."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("actions", "drill", "midwatch", "probes", "screens", "tui")
COMPOSED = ("midwatch.engine", "screens.incident")
"""Where no class of ours inherits from another of ours, but from interfaces."""
CHAIN_LIMIT = 3
SCREEN_BASE = ("screens.widgets.base_screen", "BaseScreen")
"""The one class of ours that the incident screen may inherit from; it stands outside of the folder."""
Name = tuple[str, str]
"""Module and class."""


@functools.cache
def interfaces_and_bases() -> tuple[set[Name], dict[Name, list[Name]]]:
    """The names of our interfaces, and every class of ours with its bases."""
    interfaces: set[Name] = set()
    bases: dict[Name, list[Name]] = {}
    for path in (path for package in PACKAGES for path in (ROOT / package).rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        nodes = list(statements(ast.parse(path.read_text(encoding="utf-8"))))
        imported: dict[str, Name] = {}
        for node in nodes:
            if isinstance(node, ast.ImportFrom) and node.module:
                imported |= {alias.asname or alias.name: (node.module, alias.name) for alias in node.names}
        for node in nodes:
            if isinstance(node, ast.ClassDef):
                names = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
                bases[module, node.name] = found = [
                    imported.get(base.id, (module, base.id)) if isinstance(base, ast.Name) else (ast.unparse(base), "")
                    for base in names
                ]
                if {"Protocol", "ABC"} & {name for _, name in found} and not has_code(node):
                    interfaces.add((module, node.name))
    return interfaces, bases


def statements(block: ast.AST) -> Iterator[ast.AST]:
    """The statements of a block and of the blocks in it; no expressions, of which there are ten times as many."""
    for field in ("body", "orelse", "handlers", "finalbody", "cases"):
        for node in getattr(block, field, ()):
            yield node
            yield from statements(node)


def has_code(interface: ast.ClassDef) -> bool:
    """Whether a method does anything: an interface has docstrings and `...` only."""
    methods = [node for node in interface.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    statements = [statement for method in methods for statement in method.body]
    return any(
        not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)) for statement in statements
    )


def test_engine_and_incident_screen_inherit_from_interfaces_only() -> None:
    interfaces, bases = interfaces_and_bases()
    found = [
        f"{module}.{name} inherits from {'.'.join(base)}"
        for (module, name), those in bases.items()
        if module.startswith(COMPOSED)
        for base in those
        if base in bases and base not in interfaces | {SCREEN_BASE}
    ]
    assert found == []


def test_engine_calls_no_super_and_has_no_abstract_method() -> None:
    found = []
    for path in (ROOT / "midwatch" / "engine").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        found += [f"{path.name}: {word}" for word in ("super()", "abstractmethod") if word in text]
    assert found == []


def test_chain_of_our_classes_has_three_at_most() -> None:
    _, bases = interfaces_and_bases()

    def length(name: Name) -> int:
        return 1 + max((length(base) for base in bases[name] if base in bases), default=0)

    found = {
        f"{module}.{name}": length((module, name)) for module, name in bases if length((module, name)) > CHAIN_LIMIT
    }
    assert found == {}
