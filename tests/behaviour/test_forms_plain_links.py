"""Plain many-to-many fields in the forms of clusters: links that only the database can hold, of new rows too."""

from __future__ import annotations

import pytest

from cluster.forms import clusterform_factory
from cluster.testing import InjectedFault, fail_at, logged_statements
from tests.behaviour.app.models import Course, Exercise, Lesson, Topic
from tests.support import stored_rows, submission

pytestmark = pytest.mark.django_db

COURSE = clusterform_factory(
    Course,
    fields=["name", "topics"],
    formsets={
        "lessons": {
            "fields": ["title", "topics"],
            "can_order": True,
            "formsets": {"exercises": {"fields": ["text", "topics"]}},
        }
    },
)


@pytest.fixture
def topics():
    return [Topic.objects.create(name=name) for name in "abc"]


def new_rows(topics):
    """A new parent, child and grandchild, each with links of its own."""
    data = submission("lessons", {"title": "l", "topics": [topics[1].pk]}, name="c", topics=[topics[0].pk])
    return data | submission("lessons-0-exercises", {"text": "e", "topics": [topics[1].pk, topics[2].pk]})


def names(instance):
    return sorted(instance.topics.values_list("name", flat=True))


def links():
    return [names(model.objects.get()) for model in (Course, Lesson, Exercise)]


def test_links_of_new_rows_are_written_at_every_level(topics):
    form = COURSE(new_rows(topics))

    form.save()

    assert links() == [["a"], ["b"], ["b", "c"]]


def test_links_of_new_rows_wait_for_save_m2m(topics):
    form = COURSE(new_rows(topics))

    with logged_statements() as log:
        course = form.save(commit=False)
    assert log.writes == []
    course.save()
    assert links() == [[], [], []]
    form.save_m2m()

    assert links() == [["a"], ["b"], ["b", "c"]]


def test_a_new_grandchild_of_a_stored_child_is_linked(topics):
    COURSE(new_rows(topics)).save()
    course, lesson, exercise = Course.objects.get(), Lesson.objects.get(), Exercise.objects.get()
    data = submission(
        "lessons", {"id": lesson.pk, "title": "l", "topics": [topics[1].pk]}, initial=1, name="c", topics=[topics[2].pk]
    )
    data |= submission(
        "lessons-0-exercises",
        {"id": exercise.pk, "text": "e", "topics": []},
        {"text": "new", "topics": [topics[0].pk]},
        initial=1,
    )

    form = COURSE(data, instance=course)
    form.save()

    assert names(Course.objects.get()) == ["c"]
    assert names(Lesson.objects.get()) == ["b"]
    assert {each.text: names(each) for each in Exercise.objects.all()} == {"e": [], "new": ["a"]}


def test_links_that_did_not_change_are_not_written(topics):
    COURSE(new_rows(topics)).save()
    course, lesson, exercise = Course.objects.get(), Lesson.objects.get(), Exercise.objects.get()
    data = new_rows(topics) | {
        "lessons-0-id": str(lesson.pk),
        "lessons-0-exercises-0-id": str(exercise.pk),
        "lessons-INITIAL_FORMS": "1",
        "lessons-0-exercises-INITIAL_FORMS": "1",
        "lessons-0-ORDER": "1",
    }

    form = COURSE(data, instance=course)
    with logged_statements() as log:
        form.save()

    assert not form.has_changed()
    assert [sql for sql in log.writes if "topics" in sql] == []


def test_links_of_deleted_rows_go_with_them(topics):
    COURSE(new_rows(topics)).save()
    lesson = Lesson.objects.get()
    data = submission("lessons", {"id": lesson.pk, "title": "l", "DELETE": "on"}, initial=1, name="c")

    COURSE(data, instance=Course.objects.get()).save()

    assert not Lesson.topics.through.objects.exists()
    assert not Exercise.topics.through.objects.exists()


def test_new_rows_to_be_deleted_or_blank_have_no_links(topics):
    data = submission("lessons", {"title": "l", "DELETE": "on", "topics": [topics[0].pk]}, {"title": ""}, name="c")

    COURSE(data | submission("lessons-0-exercises", {"text": "e", "topics": [topics[0].pk]})).save()

    assert not Lesson.objects.exists()
    assert not Exercise.objects.exists()


def test_rows_in_another_order_keep_their_own_links(topics):
    rows = [
        {"title": name, "topics": [topic.pk], "ORDER": 3 - at}
        for at, (name, topic) in enumerate(zip("xyz", topics, strict=True))
    ]

    data = submission("lessons", *rows, name="c")
    for index in range(3):
        data |= submission(f"lessons-{index}-exercises")
    COURSE(data).save()

    assert {each.title: names(each) for each in Lesson.objects.all()} == {"x": ["a"], "y": ["b"], "z": ["c"]}


@pytest.mark.django_db(transaction=True)
def test_a_failure_while_links_are_written_leaves_nothing(topics):
    before, form, failed = stored_rows(app_label="behaviour"), COURSE(new_rows(topics)), 0
    assert form.is_valid()

    for number in range(1, 100):
        attempt = COURSE(new_rows(topics))
        attempt.is_valid()
        try:
            with fail_at(number):
                attempt.save()
            break
        except InjectedFault:
            failed += 1
            assert stored_rows(app_label="behaviour") == before

    assert failed > 5
    assert links() == [["a"], ["b"], ["b", "c"]]


def test_a_preview_of_new_rows_asks_for_no_links_and_saves_none(topics):
    preview = COURSE(new_rows(topics)).preview()

    assert [lesson.title for lesson in preview.lessons.all()] == ["l"]
    assert [exercise.text for exercise in preview.lessons.get().exercises.all()] == ["e"]
    assert not Course.objects.exists()


def test_a_document_links_new_rows_too(topics):
    document = {
        "name": "c",
        "topics": [topics[0].pk],
        "lessons": [{"title": "l", "topics": [topics[1].pk], "exercises": [{"text": "e", "topics": [topics[2].pk]}]}],
    }

    COURSE.from_json(document).save()

    assert links() == [["a"], ["b"], ["c"]]
