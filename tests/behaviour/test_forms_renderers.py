"""The templates of forms with each of Django's renderers, with the app installed or not."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.forms.renderers import DjangoTemplates, Jinja2, TemplatesSetting
from django.template import TemplateDoesNotExist
from django.test import modify_settings
from django.test.html import parse_html

import cluster
from cluster.forms import clusterform_factory
from tests.behaviour.test_forms_rendering import FORMS, LAYOUTS
from tests.support import build_band
from tests.testapp.models import Band

pytestmark = pytest.mark.django_db

PACKAGE = Path(cluster.__file__).parent
BAND = clusterform_factory(Band, fields=["name"], formsets={"members": {"fields": ["name"], "extra": 1}})


@pytest.fixture(params=["installed", "not installed"])
def _installed_or_not(request):
    with modify_settings(INSTALLED_APPS={"remove": [] if request.param == "installed" else ["cluster"]}):
        yield


def templates_in(directory):
    found = PACKAGE / directory / "cluster" / "forms"
    return {str(path.relative_to(found)) for path in found.rglob("*.html")}


def test_every_template_is_there_for_jinja2_too():
    assert templates_in("jinja2") == templates_in("templates") != set()


def rendered(make, renderer, layout):
    form = make()
    form.renderer = renderer
    for formset in form.formsets.values():
        formset.renderer = formset.form_renderer = renderer
    return parse_html(getattr(form, layout)())


@pytest.mark.usefixtures("_installed_or_not")
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
def test_jinja2_gives_the_html_that_django_templates_give(make, layout):
    assert rendered(make, Jinja2(), layout) == rendered(make, DjangoTemplates(), layout)


@pytest.mark.usefixtures("_installed_or_not")
def test_a_project_whose_renderer_is_jinja2_shows_all_levels(settings):
    settings.FORM_RENDERER = "django.forms.renderers.Jinja2"

    html = str(BAND(instance=build_band(members=2)))

    assert html.count('<fieldset class="cluster-row"') == 3
    assert 'name="members-2-name"' in html


class OwnFormTemplate(TemplatesSetting):
    form_template_name = "own/form.html"


@pytest.fixture
def project_templates(settings, tmp_path):
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [str(tmp_path)]}]
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "django.forms"]
    return tmp_path


@pytest.mark.usefixtures("_installed_or_not")
def test_the_project_s_template_for_forms_is_that_of_every_level(project_templates):
    (project_templates / "own").mkdir()
    (project_templates / "own/form.html").write_text("own {% for field in form %}{{ field }}{% endfor %}")

    html = str(BAND(renderer=OwnFormTemplate(), instance=build_band(members=1)))

    assert html.count("own <input") == 1 + 1 + 2  # band, management form, rows
    assert html.count('<fieldset class="cluster-row"') == 2


@pytest.mark.usefixtures("_installed_or_not")
def test_templates_that_a_project_overrides_are_found(project_templates):
    (project_templates / "cluster/forms").mkdir(parents=True)
    (project_templates / "cluster/forms/form.html").write_text("overridden {{ form.name }}")

    assert str(BAND(renderer=TemplatesSetting())).startswith("overridden <input")


@pytest.mark.usefixtures("_installed_or_not")
def test_a_renderer_that_finds_neither_ours_nor_djangos_templates_says_which(project_templates):
    with pytest.raises(TemplateDoesNotExist, match=r"own/form\.html"):
        str(BAND(renderer=OwnFormTemplate()))
