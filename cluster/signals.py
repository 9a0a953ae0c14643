"""The signals of the package.

``cluster_saving`` is sent in the transaction of a save, when it is known which rows below the root will be written and
before any of them is. Its sender is the class of the root; receivers get ``instance``, ``rows`` (the instances that
will be inserted or updated) and ``using``, and may still change what is held: here is the place to make what the rows
point at. Where anybody listens, the save looks at the cluster once more after them.

``cluster_saved`` is sent when a save has put everything into the database, within the same transaction. Its sender is
the class of the root; receivers get ``instance``, ``created``, ``plan`` (a ``cluster.saving.SavePlan``), ``using`` and
``update_fields``.

A receiver of either that raises makes the save fail as a whole, with memory as it was.

``cluster_writing`` is the package's own: it is sent with the same arguments when nobody can change the rows any more.
"""

from __future__ import annotations

from django.db.models.signals import ModelSignal

cluster_saving = ModelSignal(use_caching=True)
cluster_writing = ModelSignal(use_caching=True)
cluster_saved = ModelSignal(use_caching=True)
