from __future__ import annotations

from cluster.collector import OWN, REF, SKIP, Collector
from cluster.collector.checks import check_collector, check_collectors
from tests.collector.app.models import Firm


class Firms(Collector):
    model = Firm
    strict = True
    rules = {"zoo.Job": OWN, "Job.chores": OWN}


class CompleteFirms(Collector):
    model = "zoo.Firm"
    strict = True
    rules = {"zoo.Job": OWN, "zoo.Chore": OWN, "Chore.labels": REF, "zoo.Note": SKIP, "zoo.Pin": SKIP}


class LooseFirms(Collector):
    model = Firm


class LeakingFirms(Collector):
    model = Firm
    redact = {"zoo.Firm.nmae": "x"}


class WrongFirms(Collector):
    model = Firm
    rules = {"zoo.Gone": OWN}


def test_a_strict_collector_names_every_model_that_no_rule_mentions():
    messages = {message.msg: message for message in check_collector(Firms)}

    assert "Firms is strict, and no rule mentions zoo.Label, which it reaches by zoo.Chore.labels." in messages, (
        messages
    )
    message = messages["Firms is strict, and no rule mentions zoo.Label, which it reaches by zoo.Chore.labels."]
    assert message.hint == "Add a rule for 'zoo.Label' or for 'zoo.Chore.labels': OWN, REF, LINK or SKIP."
    assert message.id == "cluster.E102"
    assert "Chore" not in {message.msg.split("mentions ")[1].split(",")[0] for message in messages.values()}


def test_models_that_are_mentioned_or_that_nothing_reaches_are_not_named():
    named = {message.msg.split("mentions ")[1].split(",")[0] for message in check_collector(CompleteFirms)}

    assert named.isdisjoint({"zoo.Job", "zoo.Chore", "zoo.Label", "zoo.Note", "zoo.Client"})


def test_a_collector_that_is_not_strict_is_silent():
    assert check_collector(LooseFirms) == []


def test_a_rule_that_names_nothing_is_an_error():
    (message,) = check_collector(WrongFirms)

    assert message.msg == "The rule 'zoo.Gone' names no model; write 'app_label.Model.relation'."
    assert message.id == "cluster.E101"


def test_a_field_that_is_not_there_is_an_error():
    (message,) = check_collector(LeakingFirms)

    assert message.msg == "redact: zoo.Firm has no field 'nmae' in its own table."
    assert message.id == "cluster.E101"


def test_all_collectors_with_a_model_are_checked():
    found = {message.obj for message in check_collectors()}

    assert {Firms, WrongFirms} <= found
    assert LooseFirms not in found
