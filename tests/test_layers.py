"""The layers of src/rhi, checked by reading every import in it.

Five rules: imports point right and down only; `wire` and `core` know no time, no randomness and no operating
system; the library needs the standard library only; imports stand at the top of a file; `rhi/__init__.py`
holds nothing but re-exports. Imports under `if TYPE_CHECKING:` never run, so only the first rule holds for
them. The synthetic trees at the end show that each rule can fail.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "rhi"

# The package itself, as a layer: `rhi/__init__.py` and what others import from it.
ROOT = "rhi"

# Layer -> the layers it may import besides itself.
ALLOWED: dict[str, frozenset[str]] = {
    "errors": frozenset(),
    "model": frozenset({"errors"}),
    "wire": frozenset({"model", "errors"}),
    "core": frozenset({"wire", "model", "errors"}),
    "net": frozenset({"core", "wire", "model", "errors"}),
    "aio": frozenset({"net", "core", "wire", "model", "errors"}),
    "threaded": frozenset({"aio", "net", "core", "wire", "model", "errors"}),
    "testing": frozenset({"threaded", "aio", "net", "core", "wire", "model", "errors"}),
    "health": frozenset({"model", "errors"}),
    "daemon": frozenset({ROOT, "health", "threaded", "aio", "net", "core", "wire", "model", "errors"}),
    ROOT: frozenset({"threaded", "aio", "model", "errors"}),
}
ALLOWED["cli"] = frozenset(ALLOWED)
ALLOWED["__main__"] = frozenset({"cli"})

# Of these layers only these modules: what is BGP's stays out of `health`.
ONLY_MODULES = {("health", "model"): frozenset({"rhi.model.durations", "rhi.model.wording"})}

# Time, randomness and the outside world reach these layers as arguments.
PURE_LAYERS = frozenset({"wire", "core"})
IMPURE_MODULES = frozenset(
    {"asyncio", "concurrent", "datetime", "logging", "multiprocessing", "os", "queue", "random", "secrets"}
    | {"select", "selectors", "signal", "socket", "ssl", "subprocess", "sys", "threading", "time"}
)

# Layers whose libraries come with the extra `daemon`. The verbs below work without it.
LAYERS_WITH_LIBRARIES = frozenset({"health", "daemon", "cli"})
PLAIN_CLI_MODULES = frozenset(f"rhi.cli{name}" for name in ("", ".collect", ".demo", ".speak")) | frozenset(
    f"rhi.cli.{name}"
    for name in (
        "announce",
        "client",
        "drain",
        "explain",
        "history",
        "reload",
        "remote",
        "stage",
        "undrain",
        "withdraw",
    )
)

# Here a verb is imported when it is called, and what needs asyncio when it is asked for.
LAYERS_WITH_LAZY_IMPORTS = frozenset({ROOT, "cli"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One imported module, as it stands in one place."""

    target: str
    line: int
    in_function: bool
    type_checking: bool


def module_name(path: Path, source: Path) -> str:
    parts = path.relative_to(source.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def layer_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ROOT


def is_type_checking(node: ast.expr) -> bool:
    return (isinstance(node, ast.Name) and node.id == "TYPE_CHECKING") or (
        isinstance(node, ast.Attribute) and node.attr == "TYPE_CHECKING"
    )


def import_by_call(node: ast.Call) -> str | None:
    """The module that `import_module("x")` or `__import__("x")` names; "" when it is computed."""
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    if name not in {"import_module", "__import__"}:
        return None
    argument = node.args[0] if node.args else None
    return str(argument.value) if isinstance(argument, ast.Constant) else ""


class Imports(ast.NodeVisitor):
    """Collects the imports of one module, relative ones resolved."""

    def __init__(self, module: str, *, is_package: bool) -> None:
        self.found: list[Import] = []
        self._package = module if is_package else module.rpartition(".")[0]
        self._functions = 0
        self._type_checking = 0

    def _add(self, target: str, node: ast.stmt | ast.expr) -> None:
        self.found.append(
            Import(
                target=target,
                line=node.lineno,
                in_function=self._functions > 0,
                type_checking=self._type_checking > 0,
            )
        )

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name, node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = node.module or ""
        if node.level:
            package = self._package.split(".")
            above = package[: len(package) - node.level + 1]
            base = ".".join([*above, base] if base else above)
        if base != ROOT:
            self._add(base, node)
            return
        for alias in node.names:  # `from rhi import wire` names a layer, `from rhi import Pool` the package
            self._add(f"{ROOT}.{alias.name}" if alias.name in ALLOWED else ROOT, node)

    def visit_Call(self, node: ast.Call) -> None:
        target = import_by_call(node)
        if target is not None:
            self._add(target, node)
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        if not is_type_checking(node.test):
            self.generic_visit(node)
            return
        self._type_checking += 1
        for statement in node.body:
            self.visit(statement)
        self._type_checking -= 1
        for statement in node.orelse:
            self.visit(statement)

    def _visit_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) -> None:
        self._functions += 1
        self.generic_visit(node)
        self._functions -= 1

    visit_FunctionDef = _visit_function
    visit_AsyncFunctionDef = _visit_function
    visit_Lambda = _visit_function


def is_re_export_only(tree: ast.Module) -> bool:
    """Whether a module is a docstring, imports, dunder assignments (`__all__`), `__getattr__` and `__dir__`.

    These import what takes long when it is first asked for, and name it before; type checkers see plain
    imports instead.
    """

    def is_fine(statement: ast.stmt) -> bool:
        match statement:
            case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
                return True
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                return name.startswith("__") and name.endswith("__")
            case ast.FunctionDef(name="__getattr__" | "__dir__"):
                return True
            case ast.If(test=test) if is_type_checking(test):
                return all(is_fine(inner) for inner in (*statement.body, *statement.orelse))
            case _:
                return False

    return all(is_fine(statement) for statement in tree.body)


def judge(module: str, imported: Import) -> Iterator[str]:
    """What is wrong with one import of one module."""
    layer = layer_of(module)
    target = imported.target
    top = target.split(".")[0]
    own = top == ROOT

    if own and layer_of(target) != layer and layer_of(target) not in ALLOWED[layer]:
        yield f"{layer} may not import {layer_of(target)} ({target})"
    elif own and target not in ONLY_MODULES.get((layer, layer_of(target)), {target}):
        yield f"{layer} may not import {target}: it knows nothing of BGP"
    if imported.type_checking:
        return
    if layer in PURE_LAYERS and top.lstrip("_") in IMPURE_MODULES:
        yield f"{layer} may not import {target}: it has no I/O, no clock, no randomness"
    if not target:
        if layer not in LAYERS_WITH_LAZY_IMPORTS:
            yield "imports a module whose name is computed"
    elif not own and top not in sys.stdlib_module_names and top != "__future__":
        if layer not in LAYERS_WITH_LIBRARIES:
            yield f"{layer} may not import {target}: the library needs the standard library only"
        elif module in PLAIN_CLI_MODULES:
            yield f"{module} may not import {target}: it works without the extra `daemon`"
    if imported.in_function and layer not in LAYERS_WITH_LAZY_IMPORTS:
        yield f"imports {target or 'a module'} inside a function: imports stand at the top"


def breaches(source: Path) -> list[str]:
    """Every breach in the package at `source`, as `path:line: reason`."""
    found = []
    for path in sorted(source.rglob("*.py")):
        module = module_name(path, source)
        place = path.relative_to(source.parent)
        if layer_of(module) not in ALLOWED:
            found.append(f"{place}:1: {layer_of(module)} is not a layer: add it to ALLOWED in test_layers.py")
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        if module == ROOT and not is_re_export_only(tree):
            found.append(f"{place}:1: holds more than re-exports")
        imports = Imports(module, is_package=path.name == "__init__.py")
        imports.visit(tree)
        found += [
            f"{place}:{each.line}: {reason}" for each in imports.found for reason in judge(module, each)
        ]
    return found


def library_modules() -> list[str]:
    """Modules that must load without the extra `daemon`."""
    modules = [module_name(path, SOURCE) for path in sorted(SOURCE.rglob("*.py")) if path.stem != "__main__"]
    return [
        name for name in modules if layer_of(name) not in LAYERS_WITH_LIBRARIES or name in PLAIN_CLI_MODULES
    ]


def test_source_tree_has_no_breach() -> None:
    assert (SOURCE / "__init__.py").is_file()

    assert breaches(SOURCE) == []


def test_library_and_plain_verbs_load_the_standard_library_only() -> None:
    """Also what they load indirectly, in an interpreter of its own."""
    script = (
        "import importlib, sys\n"
        "before = set(sys.modules)\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "new = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(*sorted(new - {'rhi'} - sys.stdlib_module_names))\n"
    )

    result = subprocess.run(
        [sys.executable, "-c", script, *library_modules()], capture_output=True, text=True, check=False
    )

    assert (result.stdout.strip(), result.stderr) == ("", "")


# The check itself: file, source, the reason expected ("" where the source is fine).
SYNTHETIC = [
    ("core/peer.py", "from rhi.wire import open", ""),
    ("core/peer.py", "from ..wire.open import Open\nfrom . import fsm\nfrom .fsm import Fsm", ""),
    ("core/peer.py", "from rhi.net import session", "core may not import net"),
    ("core/peer.py", "from rhi import net", "core may not import net"),
    ("core/peer.py", "from .. import net", "core may not import net"),
    ("core/peer.py", "from ..net.session import Session", "core may not import net"),
    ("core/peer.py", "import rhi.net.session", "core may not import net"),
    ("core/peer.py", "from rhi import Pool", "core may not import rhi"),
    ("core/peer.py", "import time", "core may not import time"),
    ("core/peer.py", "try:\n    import time\nexcept ImportError:\n    pass", "core may not import time"),
    ("core/peer.py", "class A:\n    import random", "core may not import random"),
    ("core/peer.py", "from os import path", "core may not import os"),
    ("core/__init__.py", "from .. import net", "core may not import net"),
    ("wire/reader.py", "import _socket", "wire may not import _socket"),
    ("wire/reader.py", "import concurrent.futures", "wire may not import concurrent.futures"),
    ("wire/reader.py", "from ..core.fsm import Fsm", "wire may not import core"),
    ("wire/reader.py", "import timeit, struct", ""),
    ("wire/attributes/med.py", "from ..reader import Reader\nfrom ...model import Route", ""),
    ("wire/attributes/med.py", "from ...core import fsm", "wire may not import core"),
    ("model.py", "from rhi import errors", ""),
    ("model.py", "from .wire import open", "model may not import wire"),
    ("model/route.py", "from ..wire import open", "model may not import wire"),
    ("errors.py", "from .model import Route", "errors may not import model"),
    ("model.py", "import attrs", "needs the standard library only"),
    ("net/session.py", "def f():\n    import json", "inside a function"),
    ("net/session.py", "async def f():\n    from json import loads", "inside a function"),
    ("net/session.py", "f = lambda: __import__('json')", "inside a function"),
    ("net/session.py", "importlib.import_module(name)", "name is computed"),
    ("net/session.py", "importlib.import_module('rhi.cli')", "net may not import cli"),
    ("net/session.py", "from rhi.aio import Pool", "net may not import aio"),
    ("net/session.py", "import asyncio, socket, time", ""),
    ("core/peer.py", "if TYPE_CHECKING:\n    import random", ""),
    ("core/peer.py", "if TYPE_CHECKING:\n    from ..net import session", "core may not import net"),
    ("core/peer.py", "if TYPE_CHECKING:\n    pass\nelse:\n    import time", "core may not import time"),
    ("testing/pair.py", "from ..aio import Pool", ""),
    ("testing/pair.py", "from ..daemon import app", "testing may not import daemon"),
    ("health/http.py", "import aiohttp", ""),
    ("health/http.py", "from ..core import fsm", "health may not import core"),
    ("health/http.py", "from rhi.model.wording import shown", ""),
    ("health/http.py", "from rhi.model import Route", "health may not import rhi.model: it knows nothing"),
    ("health/http.py", "from ..model.prefix import to_prefix", "it knows nothing of BGP"),
    ("daemon/app.py", "import pydantic\nfrom ..health import base\nfrom rhi import Pool", ""),
    ("daemon/app.py", "from ..cli import run", "daemon may not import cli"),
    ("cli/run.py", "import typer\ndef f():\n    from ..daemon import app", ""),
    ("cli/speak.py", "from ..threaded import Pool", ""),
    ("cli/speak.py", "def f():\n    import rich", "works without the extra"),
    ("__main__.py", "from rhi.cli import main", ""),
    ("__main__.py", "from rhi.net import session", "__main__ may not import net"),
    ("__init__.py", '"""Names."""\nfrom .model import Route\n__all__ = ["Route"]\n__version__ = "1"', ""),
    ("__init__.py", "from .core.peer import Peer", "rhi may not import core"),
    ("__init__.py", "def helper():\n    pass", "more than re-exports"),
    (
        "__init__.py",
        "if TYPE_CHECKING:\n    from .threaded import Pool\nelse:\n    def __getattr__(name):\n        pass",
        "",
    ),
    (
        "__init__.py",
        "if TYPE_CHECKING:\n    pass\nelse:\n    def helper():\n        pass",
        "more than re-exports",
    ),
    ("extra.py", "", "extra is not a layer"),
]


@pytest.mark.parametrize(("name", "text", "reason"), SYNTHETIC)
def test_synthetic_tree_breach_is_found(tmp_path: Path, name: str, text: str, reason: str) -> None:
    source = tmp_path / ROOT
    path = source / name
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")

    found = breaches(source)

    if reason:
        assert len(found) == 1
        assert reason in found[0]
    else:
        assert found == []
