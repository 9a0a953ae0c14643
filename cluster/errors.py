"""The errors of the package.

Each class also inherits the Django or builtin class that plain Django would raise in its place, so that code written
for Django keeps catching it::

    ClusterError
    ├── NotInMemoryError          django.db.NotSupportedError     memory cannot answer this exactly
    ├── UnsavedParentError        ValueError, IntegrityError      a write that needs a saved parent
    ├── HeldRelationsError        ValueError                      a call that would drop what is held
    ├── ClusterCycleError         ValueError                      a cluster that contains itself
    ├── StaleClusterError         django.db.DatabaseError         a row that was to be written is gone
    ├── CollectionLimitError      ValueError                      more rows, or deeper, than a collector may collect
    ├── KeptRowsError             django.db.IntegrityError        rows to erase that rows to keep need
    ├── AlreadyLoadedError        django.db.IntegrityError        an import that was loaded before
    └── ProblemsError                                             all that is wrong is in ``.problems``
        ├── UniqueCopyError       IntegrityError                  a copy that needs a value of its own
        ├── DiffMismatchError     ValueError                      a diff of something else
        └── SerializedDataError   DeserializationError, ValueError   data that cannot be loaded
            └── ForeignChildError                                 a child whose row belongs to another parent

Where Django has the exact exception (``FieldError``, ``DoesNotExist``, ``ValidationError``, ``TypeError`` for a wrong
call) that one is raised.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.serializers.base import DeserializationError
from django.db import DatabaseError, IntegrityError, NotSupportedError


class ClusterError(Exception):
    """Base of every error that the package defines."""


class NotInMemoryError(ClusterError, NotSupportedError):
    """A query on held objects that only the database can answer."""


class UnsavedParentError(ClusterError, ValueError, IntegrityError):
    """A relation was to be written whose parent has no row yet.

    Django raises ``ValueError``; django-modelcluster raises ``IntegrityError``, which code written for it may catch.
    """


class HeldRelationsError(ClusterError, ValueError):
    """A call of plain Django that would silently drop the relations that an instance holds."""


class ClusterCycleError(ClusterError, ValueError):
    """An instance is held, at some depth, below itself."""


class StaleClusterError(ClusterError, DatabaseError):
    """A row that was to be updated is no longer in the database, or no longer under the key of the object."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the data, the copy or the diff that an error is about.

    Attributes:
        path: Where it is: in data a JSON path such as ``$.albums[2].songs[0].title``, else one without the ``$``.
        message: A full sentence that names the value and the way out.
    """

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}"


class ProblemsError(ClusterError):
    """An error that tells everything that is wrong at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[Any, ...]:
        # Of what `Exception` would pickle, the text, no problem can be made again.
        return type(self), (self.problems,)


class UniqueCopyError(ProblemsError, IntegrityError):
    """A copy would have the value of its source in a field that must be unique.

    Attributes:
        problems: Every such field, with its path in the source.
    """


class DiffMismatchError(ProblemsError, ValueError):
    """A diff that was to be applied to something that is not what the diff starts from.

    Attributes:
        problems: Everything that does not fit, with its path.
    """


class SerializedDataError(ProblemsError, DeserializationError, ValueError):
    """Serialized data that cannot be loaded.

    ``json.loads()`` raises a ``ValueError``, and so does django-modelcluster for text that is no JSON.

    Attributes:
        problems: Everything found wrong, in document order.
    """

    def __init__(self, problems: Sequence[Problem] | str) -> None:
        super().__init__([Problem("$", problems)] if isinstance(problems, str) else problems)

    @property
    def path(self) -> str:
        """The JSON path of the first problem."""
        return self.problems[0].path


class ForeignChildError(SerializedDataError):
    """A child, named by its key, whose row belongs to another parent."""


class CollectionLimitError(ClusterError, ValueError):
    """A collector found more rows, or rows further from its root, than its limits allow."""


class KeptRowsError(ClusterError, IntegrityError):
    """Rows that are to be erased are needed by rows that are to be kept."""


class AlreadyLoadedError(ClusterError, IntegrityError):
    """A file was loaded before under the same import id."""
