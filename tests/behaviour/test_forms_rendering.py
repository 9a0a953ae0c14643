from __future__ import annotations

import re

import html5lib
import pytest
from django import forms
from django.forms.renderers import DjangoTemplates, TemplatesSetting
from django.forms.utils import ErrorList
from django.template import Context, Template, TemplateSyntaxError

from cluster.forms import ClusterForm, clusterform_factory
from tests.support import build_band, submission
from tests.testapp.models import Album, Attachment, Band, Label, Member

pytestmark = pytest.mark.django_db

LAYOUTS = ("__str__", "as_div", "as_p", "as_table", "as_ul")
AROUND = {"as_table": "<table>{}</table>", "as_ul": "<ul>{}</ul>"}
NESTED = {
    "members": {"fields": ["name", "born"], "extra": 1},
    "albums": {"fields": ["title", "label"], "extra": 1, "formsets": {"songs": {"fields": ["title"], "extra": 1}}},
}
BAND = clusterform_factory(Band, fields=["name"], formsets=NESTED)


def page(form, layout):
    body = AROUND.get(layout, "{}").format(getattr(form, layout)())
    return f'<!DOCTYPE html><html lang="en"><head><title>t</title></head><body><form>{body}</form></body></html>'


def unsaved_band():
    return build_band(members=2, albums=2, songs=2)


def invalid_form():
    rows = [{"title": "", "label": "x"}, {"title": "T" * 200}]
    data = submission("albums", *rows, name="") | submission("albums-0-songs", {"title": "S" * 200})
    data |= submission("albums-1-songs") | submission("members", {"name": "", "born": "yesterday", "id": "7"})
    return BAND(data)


FORMS = {
    "unbound": lambda: BAND(instance=unsaved_band()),
    "invalid": invalid_form,
    "no management form": lambda: BAND({"name": "x"}),
    "empty": lambda: BAND(),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("make", FORMS.values(), ids=FORMS)
def test_every_layout_is_valid_html_with_labels_and_described_errors(make, layout):
    html = page(make(), layout)

    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    tree = parser.parse(html)

    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    described = [ref for each in tree.iter() for ref in (each.get("aria-describedby") or "").split()]
    assert set(described) <= set(ids)
    labelled = {label.get("for") for label in tree.iter("label")}
    shown = [
        each for kind in ("input", "select", "textarea") for each in tree.iter(kind) if each.get("type") != "hidden"
    ]
    assert {each.get("id") for each in shown} <= labelled <= set(ids)
    assert all(next(iter(fieldset)).tag == "legend" for fieldset in tree.iter("fieldset"))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_shows_all_levels(layout):
    html = page(BAND(instance=unsaved_band()), layout)

    for name in (
        "name",
        "members-0-name",
        "members-2-id",
        "albums-1-title",
        "albums-0-songs-TOTAL_FORMS",
        "albums-2-songs-0-title",
    ):
        assert f'name="{name}"' in html
    assert html.count("<legend>") == 5 + 13


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_shows_errors_of_all_levels(layout):
    html = page(invalid_form(), layout)

    for error in (
        "albums-0-label_error",
        "albums-1-title_error",
        "albums-0-songs-0-title_error",
        "members-0_row_error",
    ):
        assert f'id="id_{error}"' in html
        assert re.search(rf'aria-describedby="[^"]*id_{error}', html)


def test_a_project_can_override_the_templates(settings, tmp_path):
    (tmp_path / "cluster/forms").mkdir(parents=True)
    (tmp_path / "cluster/forms/div.html").write_text("overridden {{ form.name }}")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [str(tmp_path)]}]
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "django.forms"]
    form = BAND(renderer=TemplatesSetting())

    assert form.as_div().startswith("overridden <input")


# What the caller says reaches every level ---------------------------------------------------------------------------


class MyErrors(ErrorList):
    pass


class MyRenderer(DjangoTemplates):
    pass


def levels(form):
    album = form.formsets["albums"].forms[0]
    return [form, album, album.formsets["songs"].forms[0]]


def test_options_of_the_form_reach_every_level():
    renderer = MyRenderer()
    form = BAND(
        submission("p-albums", {"title": "x"}) | submission("p-albums-0-songs", {"title": "y"}),
        prefix="p",
        auto_id="my_%s",
        label_suffix="?",
        renderer=renderer,
        error_class=MyErrors,
        use_required_attribute=False,
    )

    for each in levels(form):
        assert each.auto_id == "my_%s"
        assert each.label_suffix == "?"
        assert each.renderer is renderer
        assert each.error_class is MyErrors
        assert each.use_required_attribute is False
    assert [each.prefix for each in levels(form)] == ["p", "p-albums-0", "p-albums-0-songs-0"]
    assert 'for="my_p-albums-0-songs-0-title">Title?</label>' in str(form)


def test_rows_are_not_required_by_the_browser_unless_the_caller_says_so():
    existing, extra = BAND(instance=unsaved_band()), BAND(instance=unsaved_band(), use_required_attribute=True)

    assert "required" not in str(existing.formsets["albums"].forms[0]["title"])
    assert "required" in str(extra.formsets["albums"].forms[0]["title"])
    assert "required" not in str(extra.formsets["albums"].forms[2]["title"])


def test_a_formset_keeps_a_renderer_of_its_own():
    own = MyRenderer()
    form = clusterform_factory(Band, fields=["name"], formsets={"members": {"fields": ["name"], "renderer": own}})()

    assert form.formsets["members"].forms[0].renderer is own


def test_initial_values_are_given_by_relation_and_level():
    form = BAND(
        initial={"name": "n", "albums": [{"title": "a", "songs": [{"title": "s1"}, {"title": "s2"}]}, {"title": "b"}]}
    )

    titles = [row["title"].value() for row in form.formsets["albums"].forms]
    songs = [row["title"].value() for row in form.formsets["albums"].forms[0].formsets["songs"].forms]

    assert form["name"].value() == "n"
    assert titles == ["a", "b"]
    assert songs == ["s1", "s2"]


class Gallery(forms.ClearableFileInput):
    class Media:
        js = ["gallery.js"]


def test_a_formset_may_have_the_name_of_a_field():
    options = {"members": {"fields": ["name"], "formset_name": "name"}}
    form_class = clusterform_factory(Band, fields=["name"], formsets=options)
    band = form_class(submission("name", {"name": "ann"}, name="band")).save()

    form = form_class(instance=band)

    assert form["name"].value() == "band"
    assert [row["name"].value() for row in form.formsets["name"].forms] == ["ann", None, None, None]


def test_media_and_multipart_cover_every_level():
    class AttachmentForm(forms.ModelForm):
        class Meta:
            model = Attachment
            fields = ["file"]
            widgets = {"file": Gallery}

    with_files = clusterform_factory(Band, fields=["name"], formsets={"attachments": {"form": AttachmentForm}})()

    assert with_files.is_multipart()
    assert "gallery.js" in str(with_files.media)
    assert not BAND().is_multipart()


def test_options_of_modelforms_can_be_given_for_a_formset():
    def callback(field, **kwargs):
        return field.formfield(**{**kwargs, "required": False})

    form_class = clusterform_factory(
        Band,
        fields=["name"],
        formsets={
            "members": {
                "fields": ["name", "wage"],
                "widgets": {"name": forms.Textarea},
                "labels": {"name": "Who"},
                "help_texts": {"name": "Full name"},
                "field_classes": {"name": forms.SlugField},
                "localized_fields": ["wage"],
                "formfield_callback": callback,
            }
        },
    )

    row = form_class().formsets["members"].forms[0]

    assert isinstance(row.fields["name"], forms.SlugField)
    assert isinstance(row.fields["name"].widget, forms.Textarea)
    assert (row.fields["name"].label, row.fields["name"].help_text) == ("Who", "Full name")
    assert row.fields["wage"].localize
    assert not row.fields["name"].required


# Selects ------------------------------------------------------------------------------------------------------------


def test_select_elements_of_rows_are_those_that_django_makes():
    labels = [Label.objects.create(name=name) for name in ("<one>", "two")]
    band = Band.objects.create(name="band")
    for index in range(4):
        Album.objects.create(band=band, title=f"album {index}", label=[*labels, None, labels[0]][index], position=index)

    rows = BAND(instance=band).formsets["albums"].forms

    for row in rows:
        plain = forms.Select(choices=list(row.fields["label"].choices))
        expected = plain.render(row["label"].html_name, row["label"].value(), {"id": row["label"].auto_id})
        assert str(row["label"]) == expected


def test_a_row_may_replace_its_choices():
    class AlbumForm(ClusterForm):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            if self.prefix == "albums-1":
                self.fields["label"].queryset = self.fields["label"].queryset.none()

    Label.objects.create(name="only")
    form_class = clusterform_factory(
        Band, fields=["name"], formsets={"albums": {"form": AlbumForm, "fields": ["label"], "extra": 3}}
    )

    shown = ["only" in str(row["label"]) for row in form_class().formsets["albums"].forms]

    assert shown == [True, False, True]


# Template tags ------------------------------------------------------------------------------------------------------


def render(text, **context):
    return Template("{% load cluster_forms %}" + text).render(Context(context))


def test_a_form_can_be_laid_out_by_hand():
    text = """{% own_fields form %}{% cluster_formset form "albums" as albums %}{% formset_start albums %}
    {% for row in albums %}{% row_start row %}{{ row.title }}{{ row.label }}{{ row.DELETE }}
    {% cluster_formset row "songs" as songs %}{% formset_start songs %}
    {% for song in songs %}{% row_start song %}{{ song.title }}{{ song.DELETE }}{% endfor %}{% endfor %}
    {% cluster_formset form "members" as members %}{% formset_start members %}
    {% for row in members %}{% row_start row %}{{ row.name }}{{ row.born }}{{ row.DELETE }}{% endfor %}"""
    form = BAND(instance=unsaved_band())

    by_hand = render(text, form=form)

    names = re.compile(r'name="([^"]+)"')
    assert sorted(names.findall(by_hand)) == sorted(names.findall(str(form)))


def test_the_empty_row_is_a_template_to_copy():
    html = render("{% empty_row form.formsets.albums %}", form=BAND())

    assert html.startswith('<template data-formset="albums" data-prefix="albums-__prefix__">')
    assert 'name="albums-__prefix__-title"' in html
    assert 'name="albums-__prefix__-songs-TOTAL_FORMS"' in html


def test_a_formset_that_is_not_there_is_named():
    with pytest.raises(
        TemplateSyntaxError, match=r"BandForm has no formset 'album'\. Its formsets are: members, albums\."
    ):
        render('{% cluster_formset form "album" as albums %}', form=BAND())
    with pytest.raises(TemplateSyntaxError, match=r"str has no formset 'albums'\. Its formsets are: none\."):
        render('{% cluster_formset missing "albums" as albums %}')


def test_a_row_says_what_it_is():
    form = BAND(instance=unsaved_band())

    assert [row.row_label for row in form.formsets["members"].forms] == ["Member 1", "Member 2", "Member 3"]
    assert form.formsets["members"].empty_form.row_label == "Member"
    assert form.formsets["members"].label == "Members"
    assert Member._meta.verbose_name == "member"
