from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from cluster.collector import Collector
from tests.collector.app.models import Bookmark, Client, Node, Note, Person, Project, Tag, Task, Watch

SIZE = 6
numbers = st.integers(min_value=0, max_value=SIZE - 1)
maybe = st.none() | numbers
tenants = st.integers(min_value=0, max_value=1)

graphs = st.fixed_dictionaries(
    {
        "projects": st.lists(tenants, max_size=SIZE),
        "tasks": st.lists(st.tuples(numbers, maybe, maybe), max_size=SIZE),
        "nodes": st.lists(st.tuples(tenants, maybe), max_size=SIZE),
        "tags": st.lists(st.tuples(numbers, numbers), max_size=2 * SIZE),
        "friends": st.lists(st.tuples(numbers, numbers), max_size=SIZE),
        "watches": st.sets(st.tuples(numbers, numbers), max_size=SIZE),
        "notes": st.lists(numbers, max_size=SIZE),
        "leads": st.lists(st.tuples(numbers, numbers), max_size=SIZE),
        "bookmarks": st.lists(st.none() | tenants, max_size=3),
    }
)


def pick(rows, number):
    return rows[number % len(rows)] if rows and number is not None else None


class Graph:
    """Two tenants, and rows between them drawn at random."""

    def __init__(self, drawn):
        self.clients = [Client.objects.create(name=name) for name in "ab"]
        self.tags = [Tag.objects.create(name=str(number)) for number in range(3)]
        self.people = [Person.objects.create(name=str(number)) for number in range(3)]
        self.projects = [Project.objects.create(client=self.clients[tenant], name="p") for tenant in drawn["projects"]]
        self.tasks, self.nodes = [], []
        for project, parent, person in drawn["tasks"] if self.projects else ():
            self.tasks.append(
                Task.objects.create(
                    project=pick(self.projects, project),
                    parent=pick(self.tasks, parent),
                    assignee=pick(self.people, person),
                    title="t",
                )
            )
        for tenant, parent in drawn["nodes"]:
            node = Node.objects.create(client=self.clients[tenant], parent=pick(self.nodes, parent), name="n")
            self.nodes.append(node)
        self._link(drawn)

    def _link(self, drawn):
        for one, other in drawn["friends"] if self.nodes else ():
            pick(self.nodes, one).friends.add(pick(self.nodes, other))
        for task, tag in drawn["tags"] if self.tasks else ():
            pick(self.tasks, task).tags.add(pick(self.tags, tag))
        for task, person in drawn["watches"] if self.tasks else ():
            Watch.objects.get_or_create(task=pick(self.tasks, task), person=pick(self.people, person))
        for task in drawn["notes"] if self.tasks else ():
            Note.objects.create(target=pick(self.tasks, task), text="n")
        for project, task in drawn["leads"] if self.tasks else ():
            Project.objects.filter(pk=pick(self.projects, project).pk).update(lead=pick(self.tasks, task))
        for tenant in drawn["bookmarks"]:
            Bookmark.objects.create(client=pick(self.clients, tenant))


def naive(client):
    """Return the owned and the referenced rows, found row by row over instances."""
    owned = set()
    waiting = [client]
    while waiting:
        row = waiting.pop()
        if row not in owned:
            owned.add(row)
            waiting += below(row)
    needed = set()
    waiting = [other for row in owned for other in above(row, is_owned=True)]
    while waiting:
        row = waiting.pop()
        if row not in owned and row not in needed:
            needed.add(row)
            waiting += above(row, is_owned=False)
    return keys(owned), keys(needed)


def below(row):
    if isinstance(row, Client):
        return [*row.projects.all(), *row.nodes.all()]
    if isinstance(row, Project):
        return list(row.tasks.all())
    if isinstance(row, Task):
        return [*row.subtasks.all(), *row.watches.all(), *row.notes.all()]
    return list(row.children.all()) if isinstance(row, Node) else []


def above(row, *, is_owned):
    row.refresh_from_db()
    found = {
        Project: lambda: [row.client, row.lead],
        Task: lambda: [row.project, row.parent, row.assignee, *(row.tags.all() if is_owned else ())],
        Watch: lambda: [row.task, row.person],
        Note: lambda: [row.target],
        Node: lambda: [row.client, row.parent, *(row.friends.all() if is_owned else ())],
    }
    return [other for other in found.get(type(row), list)() if other is not None]


def keys(rows):
    return {(row._meta.label_lower, str(row.pk)) for row in rows}


class TestOracle(TestCase):
    """Whatever the graph, the roles are those that a walk over instances gives."""

    @given(graphs)
    def test_the_owned_and_referenced_rows_equal_those_of_a_naive_walk(self, drawn):
        client = Graph(drawn).clients[0]

        collection = Collector(client, chunk_size=2).collect()

        owned, referenced = naive(Client.objects.get(pk=client.pk))
        found = {(row._meta.label_lower, str(row.pk)): collection.is_owned(row) for row in collection}
        assert {key for key, is_owned in found.items() if is_owned} == owned
        assert {key for key, is_owned in found.items() if not is_owned} == referenced

    @given(graphs)
    def test_what_a_file_points_at_is_in_it(self, drawn):
        client = Graph(drawn).clients[1]
        stream = io.StringIO()

        Collector(client, chunk_size=3).dump(stream)

        rows = [json.loads(line) for line in stream.getvalue().splitlines()]
        there = {(row["model"], str(row["pk"])) for row in rows}
        assert pointers(rows) <= there


TARGETS = {
    "client": "client",
    "project": "project",
    "lead": "task",
    "assignee": "person",
    "person": "person",
    "task": "task",
}


def pointers(rows):
    found = set()
    for row in rows:
        for name, value in row["fields"].items():
            target = row["model"].split(".")[1] if name == "parent" else TARGETS.get(name)
            if target and value is not None:
                found.add((f"zoo.{target}", str(value)))
            if name in ("tags", "friends"):
                found |= {("zoo.tag" if name == "tags" else "zoo.node", str(key)) for key in value}
    return found


@pytest.mark.django_db
def test_two_tenants_that_share_nothing_but_tags_have_no_other_row_in_common():
    drawn = {
        "projects": [0, 1], "tasks": [(0, None, 0), (1, None, 0)], "nodes": [], "tags": [(0, 0), (1, 0)],
        "friends": [], "watches": {(0, 0), (1, 0)}, "notes": [0, 1], "leads": [], "bookmarks": [],
    }  # fmt: skip
    graph = Graph(drawn)

    found = [keys(Collector(client).collect()) for client in graph.clients]

    assert found[0] & found[1] == {("zoo.tag", str(graph.tags[0].pk)), ("zoo.person", str(graph.people[0].pk))}
