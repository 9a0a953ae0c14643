from __future__ import annotations

import io
import json

import pytest
from django.contrib.admin.utils import NestedObjects
from django.contrib.auth.models import User
from django.core import serializers
from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext

from cluster.collector import LINK, OWN, REF, SKIP, Collector, Role
from cluster.errors import CollectionLimitError, StaleClusterError
from cluster.serialization.encoding import ClusterJSONEncoder
from tests.collector.app.models import (
    Archived,
    BigClient,
    Client,
    Firm,
    Node,
    Note,
    Person,
    Project,
    Tag,
    Task,
    Watch,
)
from tests.collector.builders import OWNED, REFERENCED, REFERRERS, build_firm, build_tenant

pytestmark = pytest.mark.django_db


def rows_of(collector, **options):
    """Return the rows of a dump as data."""
    stream = io.StringIO()
    collector.dump(stream, **options)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_edge_is_owned_referenced_or_counted():
    client = build_tenant()
    build_tenant("other")

    collection = Collector(client).collect()

    assert collection.owned == OWNED
    assert collection.referenced == REFERENCED
    assert collection.referrers == REFERRERS
    assert collection.left_out == {"zoo.Client.legacies": "zoo.Legacy is unmanaged"}


def test_nothing_of_another_tenant_is_in_the_file():
    client = build_tenant()
    other = build_tenant("other")

    ours = {(row["model"], json.dumps(row["pk"])) for row in rows_of(Collector(client))}
    theirs = {(row["model"], json.dumps(row["pk"])) for row in rows_of(Collector(other))}

    shared = {label for label, _ in ours & theirs}
    assert shared == {"zoo.tag", "zoo.person", "zoo.currency"}


def test_a_row_is_exactly_what_the_serializer_of_django_writes_with_times_in_full():
    client = build_tenant()
    collection = Collector(client).collect()
    expected = {}
    for instance in collection:
        text = serializers.serialize("jsonl", [instance], use_natural_foreign_keys=True, cls=ClusterJSONEncoder)
        row = json.loads(text)
        expected[row["model"], json.dumps(row["pk"])] = row

    rows = {(row["model"], json.dumps(row["pk"])): row for row in rows_of(Collector(client))}

    # The links of a referenced row are its own business: they are not exported.
    del expected["zoo.person", str(Person.objects.get().pk)]["fields"]["languages"]
    assert {key: in_line(row) for key, row in rows.items()} == {key: in_line(row) for key, row in expected.items()}


def in_line(row):
    """Return a row with its links in order; Django's serializer takes them as the database gives them."""
    fields = {name: sorted(value, key=repr) if name in ("tags", "users", "friends") else value
              for name, value in row["fields"].items()}  # fmt: skip
    return {**row, "fields": fields}


def test_no_row_points_at_a_later_one_but_in_a_circle():
    client = build_tenant()
    Project.objects.update(lead=None)
    chain = None
    for name in ("c", "b", "a"):
        chain = Node.objects.create(client=client, name=name, parent=chain)

    rows = rows_of(Collector(client))

    assert forward_references(rows) == []


def forward_references(rows):
    """Return the keys in a file that point at a later row of it."""
    later = {(row["model"], json.dumps(row["pk"])): place for place, row in enumerate(rows)}
    found = []
    for place, row in enumerate(rows):
        for model, name, target in (
            ("zoo.task", "project", "zoo.project"),
            ("zoo.task", "parent", "zoo.task"),
            ("zoo.task", "assignee", "zoo.person"),
            ("zoo.watch", "task", "zoo.task"),
            ("zoo.node", "parent", "zoo.node"),
            ("zoo.item", "catalogue", "zoo.catalogue"),
            ("zoo.trip", "vehicle", "zoo.vehicle"),
            ("zoo.project", "client", "zoo.client"),
        ):
            key = (target, json.dumps(row["fields"].get(name)))
            if row["model"] == model and later.get(key, -1) > place:
                found.append((row["model"], row["pk"], name))
    return found


def test_a_circle_of_nullable_keys_keeps_its_values():
    client = build_tenant()

    rows = rows_of(Collector(client))

    projects = [row for row in rows if row["model"] == "zoo.project"]
    assert all(row["fields"]["lead"] is not None for row in projects)
    assert forward_references(rows) == []


def test_rows_that_the_default_manager_hides_are_collected():
    client = Client.objects.create(name="acme")
    hidden = Archived.everything.create(client=client, deleted=True)

    collection = Collector(client).collect()

    assert list(collection.objects(Archived)) == [hidden]


def test_a_proxy_stands_for_its_concrete_model():
    client = build_tenant()

    collection = Collector(BigClient.objects.get(pk=client.pk)).collect()

    assert collection.owned == OWNED


@pytest.mark.parametrize(
    ("rules", "label", "number"),
    [
        pytest.param({"zoo.Task": SKIP}, "zoo.Task", 0, id="by model"),
        pytest.param({"Project.tasks": SKIP}, "zoo.Task", 0, id="by relation"),
        pytest.param({"zoo.Project.tasks": SKIP}, "zoo.Task", 0, id="by relation with app"),
        pytest.param({"projects__tasks": SKIP}, "zoo.Task", 0, id="by path"),
        pytest.param({"zoo.Task": SKIP, "projects__tasks": OWN}, "zoo.Task", 4, id="path wins over model"),
        pytest.param({"Project.tasks": SKIP, "projects__tasks": OWN}, "zoo.Task", 4, id="path wins over relation"),
        pytest.param({"zoo.Task": SKIP, "Project.tasks": OWN}, "zoo.Task", 4, id="relation wins over model"),
        pytest.param({"Project.tasks": OWN(Q(title="first"))}, "zoo.Task", 4, id="condition met by a parent"),
        pytest.param({"Client.bookmarks": OWN}, "zoo.Bookmark", 1, id="a referrer owned"),
        pytest.param({"Client.pin_target": OWN}, "zoo.Pin", 1, id="a generic pointer owned"),
        pytest.param({"zoo.Draft": SKIP}, "zoo.Draft", 0, id="a leaf"),
    ],
)
def test_the_most_specific_rule_wins(rules, label, number):
    client = build_tenant()

    collection = Collector(client, rules=rules).collect()

    assert collection.owned.get(label, 0) == number


def test_rows_that_do_not_match_a_condition_are_counted():
    client = build_tenant()

    collection = Collector(client, rules={"Client.drafts": OWN(Q(title="other"))}).collect()

    assert "zoo.Draft" not in collection.owned
    assert collection.referrers["zoo.Client.drafts"] == 1


def test_a_forward_key_that_is_skipped_is_null_in_the_file():
    client = build_tenant()

    rows = rows_of(Collector(client, rules={"Task.assignee": SKIP, "zoo.Watch": SKIP}))

    assert {row["fields"]["assignee"] for row in rows if row["model"] == "zoo.task"} == {None}
    assert "zoo.person" not in {row["model"] for row in rows}


def test_a_forward_key_can_be_owned():
    client = build_tenant()

    collection = Collector(client, rules={"Task.assignee": OWN}).collect()

    assert collection.owned["zoo.Person"] == 1


def test_to_own_a_model_does_not_reach_another_tenant_by_a_forward_key():
    client, other = build_tenant(), build_tenant("other")
    task = Task.objects.filter(project__client=client).first()
    task.parent = Task.objects.filter(project__client=other).first()
    task.save()

    collection = Collector(client, rules={"zoo.Task": OWN}).collect()

    assert not collection.is_owned(task.parent)
    assert collection.owned["zoo.Task"] == 4


def test_natural_keys_name_what_is_linked_and_rules_change_that():
    client = build_tenant()

    linked = next(row for row in rows_of(Collector(client)) if row["model"] == "zoo.client")
    rows = rows_of(Collector(client, rules={"auth.User": REF}))

    assert linked["fields"]["owner"] == ["alice"]
    assert next(row for row in rows if row["model"] == "zoo.client")["fields"]["owner"] == User.objects.get().pk
    assert "auth.user" in {row["model"] for row in rows}


def test_a_referenced_model_can_be_linked_by_lookup_fields():
    client = build_tenant()
    stream = io.StringIO()

    manifest = Collector(client, rules={"zoo.Tag": LINK}, lookup_fields={"zoo.Tag": ["name"]}).dump(stream)

    assert "zoo.tag" not in manifest.counts
    assert [values for _, values in manifest.links["zoo.tag"]] == [{"name": "red"}, {"name": "green"}]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"zoo.Nothing": OWN}, "The rule 'zoo.Nothing' names no model; write 'app_label.Model.relation'."),
        ({"zoo.Client.nothing": OWN}, "The rule 'zoo.Client.nothing': zoo.Client has no relation 'nothing', only: "),
        ({"projects__nothing": OWN}, "The rule 'projects__nothing': zoo.Project has no relation 'nothing', only: "),
        ({"zoo.Task": "own"}, "The rule 'zoo.Task' must be OWN, REF, LINK or SKIP, not 'own'."),
        (
            {"zoo.Task": SKIP(Q(title="x"))},
            "The rule 'zoo.Task': SKIP takes no condition. Say by OWN or REF which rows",
        ),
        ({"zoo.Tag": LINK(Q(name="x"))}, "The rule 'zoo.Tag': LINK takes no condition. Say by OWN or REF which rows"),
        (
            {"zoo.Tag": REF(Q(name="x"))},
            "The rule 'zoo.Tag' has a condition, but other rows point at those of zoo.Tag, and what they need is taken",
        ),
        (
            {"zoo.Task.assignee": REF(Q(name="x"))},
            "The rule 'zoo.Task.assignee' has a condition, but zoo.Task.assignee leads to what a row points at, which",
        ),
        (
            {"projects__tasks__tags": OWN(Q(name="x"))},
            "The rule 'projects__tasks__tags' has a condition, but zoo.Task.tags leads to what a row points at, which",
        ),
    ],
)
def test_a_rule_that_names_nothing_is_refused(rules, message):
    with pytest.raises(ImproperlyConfigured) as refused:
        Collector(Client(pk=1), rules=rules)

    assert str(refused.value).startswith(message)


def test_a_collector_refuses_options_and_roots_that_are_not_its_own():
    class Tenants(Collector):
        model = Client

    with pytest.raises(TypeError, match=r"Tenants\(\) got an unexpected keyword argument 'rule'"):
        Tenants(Client(pk=1), rule={})
    with pytest.raises(ImproperlyConfigured, match=r"Tenants collects zoo.Client, not zoo.Tag."):
        Tenants(Tag(pk=1))
    for roots in (Client, [Client(pk=1)], None):
        with pytest.raises(TypeError, match=r"Tenants\(\) takes an instance, a queryset or an unsaved cluster, not "):
            Tenants(roots)


def test_rows_that_are_shared_may_have_a_condition_on_the_way_down():
    client = build_tenant()

    collection = Collector(client, rules={"zoo.Profile": REF(Q(motto="gone"))}).collect()

    assert collection.referrers["zoo.Client.profile"] == 1
    assert "zoo.Profile" not in collection.counts


def test_the_roots_are_a_manager_or_more_than_a_statement_takes_parameters():
    Firm.objects.bulk_create([Firm(name="f") for _ in range(300)])

    with connection.execute_wrapper(few_parameters):
        assert len(Collector(Firm.objects).collect()) == 300


def few_parameters(execute, sql, params, many, context):
    assert many or len(params or ()) < 100
    return execute(sql, params, many, context)


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"max_objects": 3}, "Collecting zoo.Client finds more than max_objects=3 rows, at zoo."),
        ({"max_depth": 1}, "Collecting zoo.Client goes deeper than max_depth=1, at zoo.Task."),
    ],
)
def test_a_limit_raises_and_never_cuts(limits, message):
    client = Client.objects.create(name="acme")
    project = Project.objects.create(client=client, name="p")
    for title in "abc":
        Task.objects.create(project=project, title=title)

    with pytest.raises(CollectionLimitError) as refused:
        Collector(client, **limits).collect()

    assert str(refused.value).startswith(message)


def test_why_tells_the_rows_between_a_row_and_the_root():
    client = build_tenant()
    collection = Collector(client, rules={"Project.tasks": OWN}).collect()
    task = Task.objects.filter(title="second").first()
    note = Note.objects.get(object_id=task.pk, text="on a task")

    why = collection.why(note)

    assert why.role is Role.OWN
    assert why.path == ("projects", "tasks", "notes")
    assert [label for label, _ in why.rows] == ["zoo.Client", "zoo.Project", "zoo.Task", "zoo.Note"]
    assert str(collection.why(task)).startswith(f"OWN by Project.tasks: zoo.Client {client.pk} -projects-> zoo.Project")


@pytest.mark.parametrize(
    ("find", "path"),
    [
        pytest.param(lambda: Person.objects.get(), ("projects", "tasks", "assignee"), id="target of a key"),
        pytest.param(lambda: Tag.objects.get(name="red"), ("projects", "tasks", "tags"), id="target of a link"),
        pytest.param(lambda: Client.objects.get(name="acme"), (), id="root"),
    ],
)
def test_why_tells_the_way_to_referenced_rows_and_roots(find, path):
    client = build_tenant()

    why = Collector(client).collect().why(find())

    assert why.path == path


def test_why_of_a_row_that_was_not_collected_is_none():
    collection = Collector(build_tenant()).collect()

    assert collection.why(build_tenant("other")) is None


@pytest.mark.parametrize(
    ("model", "change", "label"),
    [
        pytest.param(Task, lambda: Task.objects.all().delete(), "zoo.Task", id="erased"),
        pytest.param(Note, lambda: Note.objects.all().delete(), "zoo.Note", id="erased, of a generic relation"),
        pytest.param(Tag, lambda: Task.tags.through.objects.all().delete(), "zoo.Tag", id="no longer linked to"),
        pytest.param(Person, lambda: Task.objects.update(assignee=None), "zoo.Person", id="no longer pointed at"),
        pytest.param(
            Task,
            lambda: Task.objects.update(project=Project.objects.get(client__name="other", name="project 0")),
            "zoo.Task",
            id="another tenant's by now",
        ),
    ],
)
def test_why_refuses_rows_that_are_not_there_as_they_were_collected(model, change, label):
    build_tenant("other")
    collection = Collector(build_tenant(), rules={"zoo.Watch": SKIP}).collect()
    row = collection.objects(model).last()
    change()

    with pytest.raises(StaleClusterError) as refused:
        collection.why(row)

    assert str(refused.value) == (
        f"{label} {row.pk} hangs no longer on the row because of which it was taken. Ask why before rows are erased or"
        " changed."
    )


def test_nested_has_the_shape_of_nested_objects():
    client = Client.objects.create(name="acme")
    project = Project.objects.create(client=client, name="p")
    for title in "ab":
        Watch.objects.create(task=Task.objects.create(project=project, title=title), person=Person.objects.create())
    theirs = NestedObjects(using=DEFAULT_DB_ALIAS)
    theirs.collect([client])

    nested = Collector(client).collect().nested()

    assert nested == theirs.nested()
    assert Collector(client).collect().nested(str) == theirs.nested(str)


def test_a_collection_yields_instances_and_querysets():
    client = build_tenant()
    collection = Collector(client, chunk_size=3).collect()

    instances = list(collection)

    assert len(instances) == len(collection) == sum(OWNED.values()) + sum(REFERENCED.values())
    assert all(instance in collection for instance in instances)
    assert client in collection
    assert build_tenant("other") not in collection
    assert "client" not in collection


def test_the_objects_of_a_collection_can_be_joined_and_prefetched(django_assert_num_queries):
    client = build_tenant()
    tasks = Collector(client).collect().objects(Task).select_related("project").prefetch_related("tags")

    with django_assert_num_queries(2):
        found = [(task.project.name, [tag.name for tag in task.tags.all()]) for task in tasks]

    assert len(found) == 4
    assert Collector(client).collect().objects(Tag, owned_only=True).count() == 0


@pytest.mark.slow
def test_a_chain_of_ten_thousand_is_collected_in_order():
    client = Client.objects.create(name="acme")
    project = Project.objects.create(client=client, name="p")
    Task.objects.bulk_create([Task(project=project, title=str(number)) for number in range(10_000)])
    keys = list(Task.objects.order_by("pk").values_list("pk", flat=True))
    with connection.cursor() as cursor:
        cursor.executemany(
            "UPDATE zoo_task SET parent_id = %s WHERE id = %s", list(zip(keys[1:], keys[:-1], strict=True))
        )

    rows = [row for row in rows_of(Collector(client)) if row["model"] == "zoo.task"]

    assert [row["pk"] for row in rows] == keys[::-1]


def test_a_collection_whose_rows_went_away_is_not_written():
    client = build_tenant()
    collection = Collector(client).collect()
    Note.objects.all().delete()

    with pytest.raises(StaleClusterError, match=r"4 collected rows are no longer in the database \(zoo.Note"):
        collection.dump(io.StringIO())


def test_values_are_redacted_on_export():
    client = build_tenant()
    stream = io.StringIO()

    manifest = Collector(client, redact={"zoo.Person.email": str.upper, "zoo.Invoice.address": ""}).dump(stream)

    rows = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [row["fields"]["email"] for row in rows if row["model"] == "zoo.person"] == ["ROBIN@EXAMPLE.COM"]
    assert [row["fields"]["address"] for row in rows if row["model"] == "zoo.invoice"] == [""]
    assert manifest.redacted == {"zoo.Invoice.address": 1, "zoo.Person.email": 1}


@pytest.mark.parametrize(
    ("redact", "message"),
    [
        ({"zoo.Nothing.name": ""}, "redact: 'zoo.Nothing' names no model."),
        ({"zoo.Client.nothing": ""}, "redact: zoo.Client has no field 'nothing' in its own table."),
        ({"zoo.Task.project": 1}, "redact: 'zoo.Task.project' is a key; only other fields can be replaced."),
    ],
)
def test_a_redaction_that_names_no_plain_field_is_refused(redact, message):
    with pytest.raises(ImproperlyConfigured) as refused:
        Collector(Client(pk=1), redact=redact)

    assert str(refused.value) == message


def test_a_thousand_rows_take_twenty_queries_and_more_rows_no_more():
    counts = []
    for rows in (100, 1000):
        firm = build_firm(rows)
        with CaptureQueriesContext(connection) as queries:
            Collector(firm).dump(io.StringIO())
        counts.append(len(queries))

    assert counts[0] == counts[1] <= 20


def test_a_plan_counts_without_reading_whole_rows():
    client = build_tenant()

    report = Collector(client).plan()

    assert report.of("collected")["zoo.Task"] == 4
    assert report.of("skipped") == REFERRERS
    assert report.notes == ["zoo.Client.legacies was not followed: zoo.Legacy is unmanaged."]


def test_a_level_takes_one_query_for_each_edge_down_and_none_for_what_is_not_followed_down():
    counts = []
    for depth in (10, 30):
        client = Client.objects.create(name="acme")
        node = None
        for _ in range(depth):
            node = Node.objects.create(client=client, name="n", parent=node)
        root = Node.objects.get(client=client, parent=None)
        root.friends.add(Node.objects.create(client=client, name="friend"))

        with CaptureQueriesContext(connection) as queries:
            collection = Collector(root).collect()

        assert collection.owned == {"zoo.Node": depth}
        assert collection.referenced == {"zoo.Client": 1, "zoo.Node": 1}
        counts.append(len(queries))
    assert counts[1] - counts[0] == 20
