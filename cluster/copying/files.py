"""A file that is stored a second time when the row that names it is saved."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from django.core.files.base import File

if TYPE_CHECKING:
    AnyFile = File[Any]
else:
    AnyFile = File


class StoredFile(AnyFile):
    """The contents of a stored file, which is opened when they are read: nothing is read or written before the save."""

    def __init__(self, storage: Any, name: str) -> None:
        self._storage, self._stored_name = storage, name
        self._opened: Any = None
        super().__init__(None, name=PurePosixPath(name).name)

    @property
    def file(self) -> Any:
        """The open file."""
        if self._opened is None:
            self._opened = self._storage.open(self._stored_name, "rb")
        return self._opened

    @file.setter
    def file(self, value: Any) -> None:
        self._opened = value
