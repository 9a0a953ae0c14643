"""The signals of the package.

``cluster_saved`` is sent when a save has put everything into the database, within the same transaction. Its sender is
the class of the root; receivers get ``instance``, ``created``, ``plan`` (a ``cluster.saving.SavePlan``), ``using`` and
``update_fields``. A receiver that raises makes the save fail as a whole.
"""

from __future__ import annotations

from django.db.models.signals import ModelSignal

cluster_saved = ModelSignal(use_caching=True)
