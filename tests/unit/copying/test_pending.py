from __future__ import annotations

from cluster.copying.pending import PENDING, Forget, PendingLinks
from tests.support import seconds_of
from tests.testapp.models import Band


def test_what_was_written_is_forgotten_in_linear_time():
    def seconds(number):
        band = Band()
        written = [PendingLinks("genres", band, ()) for _ in range(number)]
        left = PendingLinks("genres", band, ())
        band.__dict__[PENDING] = (*written, left)
        took = seconds_of(Forget(band, frozenset(written)))
        assert band.__dict__[PENDING] == (left,)
        return took

    small, large = min(seconds(500) for _ in range(5)), min(seconds(8_000) for _ in range(3))

    # A quadratic one would take 256 times as long.
    assert large < 16 * small * 4
