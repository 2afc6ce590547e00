"""Vectors in a file against the same in memory, and sums over parts of them against those over all."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from landscape_widget.numerics import storage
from landscape_widget.numerics.lanczos import Lanczos
from landscape_widget.numerics.storage import Places, combined, orthogonalise, reach, rotate, rows_in_file


def drawn(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture(params=[7, 100], ids=["in parts", "at once"])
def _columns(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "COLUMNS", request.param)


@pytest.mark.usefixtures("_columns")
def test_what_is_left_is_orthogonal_and_nothing_is_lost() -> None:
    rows = torch.linalg.qr(drawn(50, 6))[0].T.contiguous()
    vector = drawn(50) + 1e6 * rows[2]
    before = vector.clone()
    along = orthogonalise(vector, rows)
    np.testing.assert_allclose(rows @ vector, np.zeros(6), atol=1e-14)
    np.testing.assert_allclose(vector + along @ rows, before, rtol=1e-9, atol=1e-9)


def test_long_vectors_of_float32_are_orthogonal_to_far_less_than_its_rounding() -> None:
    """Though parts are multiplied in float32, whose sum over all entries would be off by 1e-6."""
    row = drawn(1_000_000).float()[None]
    row /= row.double().norm().float()
    vector = 3 * row[0] + 1e-3 * drawn(1_000_001)[1:].float()
    before = vector.double()
    along = float(orthogonalise(vector, row))
    left = vector.double()
    assert abs(along - float(row[0].double() @ before)) < 3e-7
    assert abs(float(row[0].double() @ left)) < 1e-9 * float(left.norm())


@pytest.mark.usefixtures("_columns")
def test_combinations_of_rows_have_the_type_of_their_coordinates() -> None:
    rows, coordinates = drawn(6, 50).float(), drawn(6, 2)
    found = combined(rows, coordinates)
    assert found.dtype is torch.float64
    np.testing.assert_allclose(found, rows.double().T @ coordinates, rtol=1e-12)


@pytest.mark.usefixtures("_columns")
def test_rotated_rows_take_the_place_of_the_first() -> None:
    rows, rotation = drawn(8, 50), drawn(2, 5)
    before = rows.clone()
    rotate(rows, rotation, 3)
    np.testing.assert_allclose(rows[3:5], rotation @ before[3:8], rtol=1e-12)
    assert torch.equal(rows[:3], before[:3])


def test_a_file_holds_what_memory_does() -> None:
    """Bit for bit, through restarts and an exploration."""
    diagonal = torch.linspace(-3, 7, 90, dtype=torch.float64) ** 3

    def run(**how: object) -> Lanczos:
        lanczos = Lanczos(lambda v: diagonal * v, drawn(90), max_basis=12, keep=4, **how)
        for _ in range(30):
            krylov = lanczos.step()
        lanczos.explore(krylov.ritz()[1][:, :3], np.zeros(3))
        return lanczos

    here, there = run().step(), run(rows=rows_in_file).step()
    assert torch.equal(here.basis, there.basis)
    np.testing.assert_array_equal(here.projected, there.projected)


def test_without_room_on_the_disk_it_is_refused_at_once() -> None:
    with pytest.raises(OSError, match=r"No space|too large"):
        rows_in_file(1 << 20, torch.empty(1, dtype=torch.float64).expand(1 << 30))


def test_what_has_numbers_in_some_memory_is_found() -> None:
    numbers = drawn(4, 5)
    places = Places(map(reach, [numbers[1], numbers[1, 2:], numbers[3], torch.empty(0)]))
    array = numbers.numpy()
    for inside in (
        numbers,
        numbers.T,
        numbers[1:3],
        numbers[3, 4],
        numbers[:, 0],
        array[::-1],
        array[1, ::-2],
    ):
        assert places.of(inside) is not None
    for outside in (numbers[0], numbers[2], array[2, ::-1], array[:1], numbers[0, 4], drawn(4, 5), 3.0):
        assert places.of(outside) is None
    assert places.of(numbers[2:]) == reach(numbers[3])
    assert Places([]).of(numbers) is None
