from __future__ import annotations

import pytest
from django import forms
from django.core.exceptions import FieldError
from django.forms.models import ModelFormMetaclass

from cluster.forms import (
    ClusterForm,
    ClusterFormMetaclass,
    ClusterFormOptions,
    childformset_factory,
    clusterform_factory,
    transientmodelformset_factory,
)
from tests.testapp.models import Album, Appearance, Band, Collaboration, Festival, Member

RELATIONS = "members, albums, biographies, instruments, hosted, visits"


def test_without_formsets_there_are_none():
    assert clusterform_factory(Band, fields=["name"]).formsets == {}
    assert (
        clusterform_factory(Band, fields=["name"]).formsets
        == clusterform_factory(Band, fields=["name"], formsets=[]).formsets
    )


def test_formsets_have_the_order_and_names_that_were_given():
    form_class = clusterform_factory(
        Band, fields=["name"], formsets={"members": {"formset_name": "people"}, "albums": None}
    )

    assert list(form_class.formsets) == ["people", "albums"]
    assert form_class(prefix="p").formsets["people"].prefix == "p-people"
    assert form_class().formsets["people"].rel_name == "members"


@pytest.mark.parametrize("excluded", [["members"], ("members",), {"members": {}}], ids=["list", "tuple", "dict"])
def test_all_relations_but_some_can_be_asked_for(excluded):
    form_class = clusterform_factory(Band, fields=["name"], exclude_formsets=excluded)

    assert "members" not in form_class.formsets
    assert {"albums", "instruments", "hosted", "visits"} <= set(form_class.formsets)


@pytest.mark.parametrize("option", ["formsets", "exclude_formsets"])
def test_a_name_that_is_no_relation_is_refused_with_those_that_exist(option):
    with pytest.raises(FieldError) as error:
        clusterform_factory(Band, fields=["name"], **{option: ["album"]})

    assert str(error.value).startswith(
        f"Unknown formset(s) (album) specified in Meta.{option} for Band. Its child relations are: "
    )
    assert RELATIONS in str(error.value)


def test_a_nested_name_that_is_no_relation_is_refused():
    with pytest.raises(FieldError, match=r"Unknown formset\(s\) \(song\) specified in Meta.formsets for Album"):
        clusterform_factory(Band, fields=["name"], formsets={"albums": {"formsets": ["song"]}})


def test_a_string_is_refused():
    with pytest.raises(
        TypeError, match=r"Meta.formsets of a form for Band cannot be a string. Did you mean \('albums',\)\?"
    ):
        clusterform_factory(Band, fields=["name"], formsets="albums")


@pytest.mark.parametrize("option", ["formsets", "exclude_formsets"])
def test_options_that_are_no_dictionary_are_refused(option):
    with pytest.raises(TypeError) as error:
        clusterform_factory(Band, fields=["name"], **{option: {"albums": ["title"]}})

    assert str(error.value) == (
        f"Meta.{option}['albums'] of a form for Band must be a dictionary of options, and is ['title']. "
        "Fields are one of them: {'fields': [...]}."
    )


def test_options_may_be_none():
    form_class = clusterform_factory(Band, fields=["name"], formsets={"members": None})

    assert list(form_class.formsets) == ["members"]


def test_an_option_without_meaning_is_refused():
    with pytest.raises(
        TypeError, match=r"Unknown option\(s\) \(extrra\) for the formset 'albums'. The options are: absolute_max,"
    ):
        clusterform_factory(Band, fields=["name"], formsets={"albums": {"extrra": 1}})


def test_two_formsets_of_one_name_are_refused():
    with pytest.raises(FieldError, match=r"Two formsets of a form for Band have the name albums\. Give one"):
        clusterform_factory(Band, fields=["name"], formsets={"members": {"formset_name": "albums"}, "albums": {}})


def test_nothing_of_the_callers_options_is_changed():
    exclude, names = ["wage"], ["songs"]
    options = {"members": {"exclude": exclude, "formset_name": "people"}, "albums": {"formsets": names}}

    clusterform_factory(Band, fields=["name"], formsets=options)

    assert exclude == ["wage"]
    assert names == ["songs"]
    assert options == {"members": {"exclude": ["wage"], "formset_name": "people"}, "albums": {"formsets": ["songs"]}}


def test_what_all_formsets_have_in_common_is_said_once():
    form_class = clusterform_factory(
        Band,
        fields=["name"],
        formsets={"members": {"extra": 2}, "albums": {}},
        formset_defaults={"extra": 7, "can_delete": False},
    )

    assert (form_class.formsets["members"].extra, form_class.formsets["albums"].extra) == (2, 7)
    assert not form_class.formsets["members"].can_delete


def test_widgets_of_a_formset_can_be_given_with_those_of_the_form():
    form_class = clusterform_factory(
        Band, fields=["name"], formsets=["members"], widgets={"members": {"name": forms.Textarea}}
    )

    assert isinstance(form_class.formsets["members"].form.base_fields["name"].widget, forms.Textarea)


class OfAllLevels(ClusterForm):
    class Meta:
        model = Band
        fields = ["name"]
        formsets = {"albums": {"fields": ["title"], "formsets": {"songs": {"fields": ["track"]}}}}


NESTED = {"fields": ["title"], "formsets": {"songs": {"fields": ["track"]}}}
CALLBACKS = {
    "factory": (
        lambda note: clusterform_factory(Band, fields=["name"], formsets={"albums": NESTED}, formfield_callback=note),
        {"name", "title", "track"},
    ),
    "factory of a class": (
        lambda note: clusterform_factory(Band, OfAllLevels, formfield_callback=note),
        {"name", "title", "track"},
    ),
    "formset": (
        lambda note: childformset_factory(Band, Album, formfield_callback=note, **NESTED),
        {"title", "track"},
    ),
    "attribute": (
        lambda note: type(OfAllLevels)("BandForm", (OfAllLevels,), {"formfield_callback": note}),
        {"title", "track"},
    ),
}


@pytest.mark.parametrize(("make", "names"), CALLBACKS.values(), ids=CALLBACKS)
def test_a_callback_for_fields_holds_for_all_levels(make, names):
    seen = set()

    def note(field, **kwargs):
        seen.add(field.name)
        return field.formfield(**kwargs)

    make(note)

    assert seen == names


def test_the_excluded_fields_of_a_row_class_stay_excluded():
    class MemberForm(forms.ModelForm):
        class Meta:
            model = Member
            exclude = ["wage"]

    fields = childformset_factory(Band, Member, form=MemberForm).form.base_fields

    assert list(fields) == ["name", "instrument", "born"]


def test_a_plain_model_form_can_have_formsets_of_its_own():
    class AlbumForm(forms.ModelForm):
        pass

    formset_class = childformset_factory(Band, Album, form=AlbumForm, fields=["title"], formsets=["songs"])

    assert issubclass(formset_class.form, AlbumForm)
    assert list(formset_class.form.formsets) == ["songs"]


def test_a_metaclass_mixes_with_others_and_with_their_options():
    class OtherOptions:
        def __init__(self, options=None):
            super().__init__(options)
            self.permissions = getattr(options, "permissions", ())

    class OtherMetaclass(ModelFormMetaclass):
        options_class = OtherOptions

        def __new__(mcs, name, bases, attrs):
            made = super().__new__(mcs, name, bases, attrs)
            made.was_made = True
            return made

    class BothOptions(OtherOptions, ClusterFormOptions):
        pass

    class BothMetaclass(OtherMetaclass, ClusterFormMetaclass):
        options_class = BothOptions
        extra_form_count = 0

        @classmethod
        def child_form(cls):
            return Both

    class Both(ClusterForm, metaclass=BothMetaclass):
        pass

    class BandForm(Both):
        class Meta:
            model = Band
            fields = "__all__"
            formsets = {"albums": {"formsets": ["songs"]}}
            permissions = ("edit",)

    albums = BandForm.formsets["albums"]

    assert BandForm._meta.permissions == ("edit",)
    assert BandForm._meta.fields is None
    assert issubclass(albums.form, Both)
    assert issubclass(albums.form.formsets["songs"].form, Both)
    assert (albums.extra, albums.form.formsets["songs"].extra) == (0, 0)
    assert BandForm.was_made


def test_options_that_do_not_mix_are_left_aside():
    class Alone(ClusterFormMetaclass):
        options_class = object

    form_class = Alone(
        "BandForm",
        (ClusterForm,),
        {"Meta": type("Meta", (), {"model": Band, "fields": ["name"], "formsets": ["albums"]})},
    )

    assert list(form_class.formsets) == ["albums"]


def test_a_row_class_with_a_metaclass_of_its_own_can_have_formsets():
    class Counting(ModelFormMetaclass):
        pass

    class AlbumForm(forms.ModelForm, metaclass=Counting):
        pass

    form_class = childformset_factory(Band, Album, form=AlbumForm, fields=["title"], formsets=["songs"]).form

    assert isinstance(form_class, Counting)
    assert isinstance(form_class, ClusterFormMetaclass)


def test_a_child_with_two_parental_keys_needs_the_name_of_one():
    with pytest.raises(ValueError, match="more than one ForeignKey"):
        childformset_factory(Band, Collaboration)
    assert childformset_factory(Band, Collaboration, fk_name="guest").fk.name == "guest"


def test_a_plain_foreign_key_is_refused():
    with pytest.raises(
        ValueError, match=r"testapp\.Appearance\.festival is no ParentalKey\. Use Django's inlineformset_factory"
    ):
        childformset_factory(Festival, Appearance)


def test_formsets_of_objects_in_memory_take_what_djangos_take():
    formset_class = transientmodelformset_factory(Member, fields=["name"], extra=2, can_delete=True)
    formset = formset_class(queryset=Band(name="b", members=[Member(name="one"), Member(name="two")]).members.all())

    assert formset.prefix == "form"
    assert [form["name"].value() for form in formset.forms] == ["one", "two", None, None]
    assert len(formset.initial_forms), len(formset.extra_forms) == (2, 2)
