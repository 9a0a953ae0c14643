"""Relations are named as attributes of the parent, whatever queries call them."""

from __future__ import annotations

import pytest

from cluster.forms import clusterform_factory
from cluster.queryset import FakeQuerySet
from tests.testapp.models import Band, Choice, Member, Poll, Vote


def new_poll(text="Tea or coffee?"):
    tea = Choice(text="tea", votes=[Vote(voter="Ada"), Vote(voter="Alan")])
    return Poll(text=text, choice_set=[tea, Choice(text="coffee")])


def stored_choices():
    return list(Choice.objects.order_by("pk").values_list("text", flat=True))


def test_the_constructor_takes_the_names_of_attributes():
    poll = new_poll()

    assert [choice.text for choice in poll.choice_set.all()] == ["tea", "coffee"]
    assert all(choice.poll is poll for choice in poll.choice_set.all())


def test_the_constructor_refuses_other_names_as_django_does():
    with pytest.raises(TypeError, match=r"^Poll\(\) got unexpected keyword arguments: 'choices'$"):
        Poll(text="Tea?", choices=[])


@pytest.mark.django_db
def test_queries_take_the_names_of_queries_held_and_live():
    poll = new_poll()
    held = list(FakeQuerySet(Poll, [poll]).filter(choice__vote__voter="Ada"))
    poll.save()

    assert held == [poll] == list(Poll.objects.filter(choice__vote__voter="Ada"))
    assert list(poll.choice_set.filter(vote__voter="Ada").values_list("text", flat=True)) == ["tea"]


@pytest.mark.django_db
def test_snapshots_and_forms_take_the_names_of_attributes():
    data = new_poll().serializable_data()
    form_class = clusterform_factory(Poll, fields=["text"], formsets={"choice_set": {"fields": ["text"], "extra": 0}})

    assert [child["text"] for child in data["choice_set"]] == ["tea", "coffee"]
    assert list(form_class(instance=Poll.from_serializable_data(data)).formsets) == ["choice_set"]


@pytest.mark.django_db
@pytest.mark.parametrize("method", ["get_or_create", "update_or_create"])
def test_a_row_that_is_looked_up_or_made_is_made_with_its_children(method):
    poll, _ = getattr(Poll.objects, method)(text="Tea?", defaults={"choice_set": [Choice(text="yes")]})
    band, _ = getattr(Band.objects, method)(name="Blur", defaults={"members": [Member(name="Damon")]})

    assert poll.choice_set.get().text == "yes"
    assert band.members.get().name == "Damon"


@pytest.mark.django_db
def test_a_row_that_is_there_is_given_other_children():
    new_poll(text="Tea?").save()

    Poll.objects.update_or_create(text="Tea?", defaults={"choice_set": [Choice(text="no")]})

    assert stored_choices() == ["no"]
