from __future__ import annotations

import pytest
from django import forms

from cluster.forms.choices import SharedChoices
from cluster.forms.matching import is_hidden_key, submitted_identity
from cluster.forms.selects import SharedSelect, share_options
from tests.collector.app.models import Client, Profile
from tests.testapp.models import Band, City, Genre, Hall, Member, Playlist

pytestmark = pytest.mark.django_db


def test_a_choice_whose_key_is_that_of_another_row_is_found(django_assert_num_queries):
    profile = Profile.objects.create(client=Client.objects.create(name="acme"))
    choices = SharedChoices(Profile.objects.all(), "pk", lambda: [str(profile.pk)])

    with django_assert_num_queries(1):
        found = choices.find(str(profile.pk))

    assert found == profile


def test_choices_that_were_read_for_the_options_are_not_asked_for_again(django_assert_num_queries):
    genre = Genre.objects.create(name="rock")
    choices = SharedChoices(Genre.objects.all(), "pk", lambda: [str(genre.pk)])

    with django_assert_num_queries(1):
        rows = choices.rows
        found = choices.find(str(genre.pk))

    assert found is rows[0]


def test_choices_that_were_not_submitted_are_left_to_the_database():
    genres = [Genre.objects.create(name=name) for name in ("rock", "folk")]
    choices = SharedChoices(Genre.objects.all(), "pk", lambda: [genres[0].pk])

    assert choices.among([genres[0].pk]) == [genres[0]]
    assert choices.among([genres[0].pk, genres[1].pk]) is None


def test_a_key_that_nobody_types_is_hidden():
    keys = {model: is_hidden_key(model._meta.pk) for model in (Band, Playlist, Hall, City)}

    assert keys == {Band: True, Playlist: True, Hall: True, City: False}


def test_a_row_without_a_field_of_the_identity_is_not_told_by_it():
    class NameForm(forms.Form):
        name = forms.CharField()

    form = NameForm({"name": "Robin"})
    name, instrument = (Member._meta.get_field(one) for one in ("name", "instrument"))

    assert submitted_identity(form, (name,)) == ("Robin",)
    assert submitted_identity(form, (name, instrument)) is None


def test_only_plain_selects_share_their_options():
    select, text = forms.Select(), forms.TextInput()

    share_options(select)
    share_options(text)

    assert (type(select), type(text)) == (SharedSelect, forms.TextInput)
