"""Public names: what `__all__` promises exists, and what users may need to catch is there."""

import importlib
import inspect
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

import rhi
from rhi import errors, testing
from rhi.testing.collector import Collector
from rhi.testing.pair import Pair

SOURCE = Path(__file__).parent.parent / "src" / "rhi"
MODULES = sorted(
    ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in SOURCE.rglob("*.py")
    if path.stem != "__main__"
)


def order(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then the rest: the order that ruff keeps (RUF022)."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def test_rhi_all_is_sorted() -> None:
    assert list(rhi.__all__) == sorted(rhi.__all__, key=order)


def test_rhi_all_holds_every_public_exception() -> None:
    public = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value)
        and issubclass(value, BaseException)
        and value.__module__ == errors.__name__
        and not name.startswith("_")
    }

    assert public - set(rhi.__all__) == set()
    assert all(getattr(rhi, name) is getattr(errors, name) for name in public)


@pytest.mark.parametrize("module_name", MODULES)
def test_all_names_exist_once(module_name: str) -> None:
    module = importlib.import_module(module_name)
    names = list(getattr(module, "__all__", ()))

    missing = [name for name in names if not hasattr(module, name)]

    assert missing == []
    assert len(names) == len(set(names))


def test_dir_shows_names_that_have_yet_to_come() -> None:
    script = (
        "import rhi, sys; assert 'rhi.threaded' not in sys.modules; print(set(rhi.__all__) - set(dir(rhi)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert ran.stdout == "set()\n"


def test_import_rhi_is_enough_for_aio() -> None:
    script = "import rhi; print(rhi.aio.Pool.__name__, rhi.aio.Session.__name__)"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("Pool Session\n", "")


def test_import_rhi_leaves_asyncio_until_a_pool_is_asked_for() -> None:
    script = "import sys, rhi; print('asyncio' in sys.modules, rhi.Pool.__module__, 'asyncio' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("False rhi.threaded True\n", "")


def test_name_that_rhi_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"^module 'rhi' has no attribute 'Poool'$"):
        _ = rhi.Poool  # type: ignore[attr-defined]


def test_testing_exports_its_tools() -> None:
    assert (testing.Collector, testing.Pair) == (Collector, Pair)


def test_package_tells_type_checkers_that_it_is_typed() -> None:
    assert (resources.files("rhi") / "py.typed").is_file()
