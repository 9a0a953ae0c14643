from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, defines_models, examples_of, pages, run_page

PAGES = [page for page in pages() if examples_of(page)]
WITH_MODELS = [page for page in PAGES if defines_models(page)]
WITHOUT_MODELS = [page for page in PAGES if page not in WITH_MODELS]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", WITH_MODELS, ids=name_of)
@pytest.mark.django_db(transaction=True)
def test_the_examples_of_a_page_that_defines_models_run(page):
    run_page(page)


@pytest.mark.parametrize("page", WITHOUT_MODELS, ids=name_of)
@pytest.mark.django_db(databases=["default", "other"])
def test_the_examples_of_a_page_run(page):
    run_page(page)


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_a_page_links_only_to_files_that_exist(page):
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))

    missing = [link for link in links if not (page.parent / link).exists()]

    assert missing == []


PUBLIC_MODULES = (
    "cluster.collector",
    "cluster.comparing",
    "cluster.contrib.taggit",
    "cluster.copying",
    "cluster.fields",
    "cluster.forms",
    "cluster.models",
    "cluster.queryset",
    "cluster.relations",
    "cluster.serialization",
    "cluster.testing",
)
# What these modules give to the layers above them, and not to projects.
WITHIN_THE_PACKAGE = {
    "cluster.queryset": {"HoldsRelations", "ListSource", "WholeQuerySets", "fake_class", "held_queryset", "meanings"}
    | {"whole_querysets"},
    "cluster.relations": {"Baseline", "ClusterState", "Clusterable", "HeldLinks", "HeldList", "ParentalField"}
    | {"ensure_state", "state_of"},
    "cluster.serialization": {"Serializable"},
}


@pytest.mark.parametrize("module", PUBLIC_MODULES)
def test_the_reference_names_everything_that_a_module_gives(module):
    reference = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "reference").glob("*.md"))
    given = set(import_module(module).__all__) - WITHIN_THE_PACKAGE.get(module, set())

    missing = sorted(name for name in given if not re.search(rf"\b{name}\b", reference))

    assert missing == []


def test_the_readme_has_one_command_to_try_and_one_to_test():
    blocks = re.findall(r"^```console\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.S)

    assert len(blocks) == 2
    assert all(block.count("\n") == 1 for block in blocks)
    assert "quickstart.py" in blocks[0]
    assert "pytest -n 2" in blocks[1]


@pytest.fixture(scope="module")
def quickstart() -> str:
    """What the quickstart prints, run as the README says."""
    script = ROOT / "docs" / "tutorial" / "quickstart.py"
    environment = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "error", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, encoding="utf-8", check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr[-500:]
    return done.stdout


@pytest.mark.parametrize(
    ("title", "closing"),
    [
        ("Build the band", "-> 0 SQL statements"),
        ("Query it in memory", "-> 0 SQL statements"),
        ("Render a preview", "-> 0 SQL statements"),
        ("Save everything", "-> 6 SQL statements (6 INSERT) in one transaction"),
    ],
    ids=["building", "querying", "previewing", "saving"],
)
def test_the_quickstart_takes_as_many_statements_as_it_says(quickstart, title, closing):
    step = quickstart[quickstart.index(f"== {title}") :]

    counted = step[step.index("\n->") + 1 :].splitlines()[0]

    assert counted == closing


def test_the_quickstart_ends_with_the_edited_discography(quickstart):
    assert "12 albums, ending with Let It Be, Abbey Road; 180 songs" in quickstart


def test_the_tutorial_shows_what_the_quickstart_prints(quickstart):
    page = (ROOT / "docs" / "tutorial" / "quickstart.md").read_text(encoding="utf-8")
    shown = "".join(re.findall(r"^```text\n(.*?)^```$", page, re.M | re.S))

    assert [line for line in shown.splitlines() if line and line not in quickstart.splitlines()] == []
