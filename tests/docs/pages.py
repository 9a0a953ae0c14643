"""The pages of the documentation, and their examples, as the tests run them."""

from __future__ import annotations

import ast
import doctest
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from django.db import connection, models
from django.test.utils import isolate_apps

ROOT = Path(__file__).parents[2]
MODULE = "tests.docs.app.models"
BLOCK = re.compile(r"^(?P<indent> *)(?P<fence>```+)(?P<kind>python|pycon)\n(?P<code>.*?)^ *(?P=fence)$", re.M | re.S)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True, slots=True)
class Example:
    """One fenced block.

    Attributes:
        kind: ``python`` for code that runs, ``pycon`` for a dialogue whose answers are compared.
        code: The text between the fences.
        line: The line of the page on which the code begins, counted from 1.
    """

    kind: str
    code: str
    line: int


def pages() -> list[Path]:
    """Return the README and every page of the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def examples_of(page: Path) -> list[Example]:
    """Return the Python blocks of a page in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Example(
            kind=found["kind"],
            code="\n".join(line.removeprefix(found["indent"]) for line in found["code"].splitlines()) + "\n",
            line=text.count("\n", 0, found.start("code")) + 1,
        )
        for found in BLOCK.finditer(text)
    ]


def defines_models(page: Path) -> bool:
    """Say whether a page's examples define models of their own, which need tables of their own."""
    return any(
        isinstance(node, ast.ClassDef) and ast.unparse(node).find("models.") > 0
        for example in examples_of(page)
        if example.kind == "python"
        for node in ast.parse(example.code).body
    )


def run_page(page: Path) -> None:
    """Run a page's examples in order, in one namespace, each with the names that those before it left."""
    with scratch_module() as namespace, isolate_apps("tests.docs.app") as registry:
        tables: list[type[models.Model]] = []
        try:
            for example in examples_of(page):
                make_tables([model for model in registry.get_models() if model not in tables], tables)
                run_example(page, example, namespace)
        finally:
            drop_tables(tables)


@contextmanager
def scratch_module() -> Iterator[dict[str, Any]]:
    """Give a namespace that is the dictionary of an importable module, so that what it defines can be pickled."""
    module = ModuleType(MODULE)
    module.__spec__ = ModuleSpec(MODULE, None)
    sys.modules[MODULE] = module
    try:
        yield module.__dict__
    finally:
        del sys.modules[MODULE]


def make_tables(new: list[type[models.Model]], made: list[type[models.Model]]) -> None:
    """Create the tables of models that an example has just defined."""
    new = [model for model in new if model._meta.app_label == "docs" and model._meta.can_migrate(connection)]
    if new:
        with connection.schema_editor() as editor:
            for model in new:
                editor.create_model(model)
    made.extend(new)


def drop_tables(made: list[type[models.Model]]) -> None:
    """Drop what ``make_tables`` made."""
    if made:
        # MariaDB drops no table that another one points at, and a page may define its models in any order.
        with connection.constraint_checks_disabled(), connection.schema_editor() as editor:
            for model in reversed(made):
                editor.delete_model(model)


def run_example(page: Path, example: Example, namespace: dict[str, Any]) -> None:
    """Run one block; an error names the page's own line."""
    where = str(page.relative_to(ROOT))
    if example.kind == "python":
        code = compile("\n" * (example.line - 1) + example.code, where, "exec")
        exec(code, namespace)
        return
    test = doctest.DocTestParser().get_doctest(example.code, namespace, where, where, example.line - 1)
    report: list[str] = []
    runner = doctest.DocTestRunner(optionflags=FLAGS)
    runner.run(test, out=report.append, clear_globs=False)
    namespace.update(test.globs)
    assert not runner.failures, "".join(report)
