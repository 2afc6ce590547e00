"""Results for readers: one line, a table in a notebook, pandas, xarray and numpy."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from landscape_widget import ConvexityMap, EigenPairs, Plane, ProjectedCurvatures, ScoreTable, Surface
from landscape_widget.results.comparison import Comparison
from landscape_widget.results.points import ScoreRow, Scores
from landscape_widget.results.spectrum import SpectralDensity

SURFACE = Surface(
    alpha=np.array([-1.0, 0.0, 1.0]),
    beta=np.array([-0.5, 0.0, 0.5, 1.0, 1.5]),
    loss=np.arange(15.0).reshape(5, 3) - 2.5,
    done=np.arange(15).reshape(5, 3) % 2 == 0,
    provenance={"seed": 3},
)
PAIRS = EigenPairs(
    values=np.array([4.71712, 2.0, -0.01963]),
    vectors=np.eye(7)[:, :3],
    residuals=np.array([1e-5, 1e-5, 1e-5]),
    converged=np.array([True, True, False]),
    n_hvp=1042,
    n_largest=2,
)
HOLES = Surface(SURFACE.alpha, SURFACE.beta, np.full((5, 3), np.nan), SURFACE.done)
SCORES = Scores(0.25, {"accuracy": 0.9}, 10)
ONE_LINERS: list[tuple[Any, str]] = [
    (SURFACE, "Surface(5×3 nodes, 8 evaluated, α −1 to 1, β −0.5 to 1.5, loss −2.5 to 11.5)"),
    (HOLES, "Surface(5×3 nodes, 8 evaluated, α −1 to 1, β −0.5 to 1.5, loss nowhere finite)"),
    (PAIRS, "EigenPairs(λmax 4.717, λmin −0.01963, 2 of 3 converged, N = 7, 1,042 products)"),
    (
        Plane(np.zeros(1200), 2 * np.eye(1200)[0], np.eye(1200)[1], ("hessian:max", "random")),
        "Plane(hessian:max × random, N = 1,200, ‖η‖ = 2, ‖δ‖ = 1)",
    ),
    (
        ProjectedCurvatures(np.array([2.0, 1.0]), np.array([0.0, 0.0]), np.array([1.0, -3.0]), 4),
        "ProjectedCurvatures(2 projections, 1 without a saddle, ⟨κ₋⟩ −1, ⟨κ₊⟩ 1.5)",
    ),
    (
        SpectralDensity(np.array([4.0, 1.0, 0.0]), np.array([0.1, 0.5, 0.4]), np.array([-1, 0, 0]), 10, 5),
        "SpectralDensity(N = 10, 0 to 4, mean 0.9, 1 certified, of 1 probe)",
    ),
    (
        ConvexityMap(
            SURFACE.alpha, SURFACE.beta, SURFACE.loss, -SURFACE.loss, SURFACE.done, SURFACE.done, n_hvp=30
        ),
        "ConvexityMap(5×3 nodes, 8 evaluated, α −1 to 1, β −0.5 to 1.5, λmax −2.5 to 11.5, "
        "λmin −11.5 to 2.5, 30 products)",
    ),
    (
        ScoreTable(
            (
                ScoreRow("centre", ("", ""), 0.0, 0.0, 0.0, SCORES, None),
                ScoreRow("minimum", ("random", "random"), 0.1, 0.2, 0.3, SCORES, None),
            )
        ),
        "ScoreTable(centre: loss 0.25, random × random: loss 0.25)",
    ),
]


@pytest.mark.parametrize(("result", "line"), ONE_LINERS, ids=lambda value: type(value).__name__)
def test_one_line(result: Any, line: str) -> None:
    assert repr(result) == line


def test_a_table_in_a_notebook() -> None:
    """Numbers to four digits, flags in words, nothing that a name could break."""
    html = PAIRS._repr_html_()
    assert html.count("<tr>") == 4
    assert "<td>−0.01963</td><td>1e−05</td><td>no</td>" in html
    named = ScoreTable((ScoreRow("<b>centre", ("", ""), 0.0, 0.0, 0.0, SCORES, None),))._repr_html_()
    assert "<b>" not in named
    assert "&lt;b&gt;centre" in named


def test_a_long_table_is_cut_and_counted() -> None:
    html = SURFACE._repr_html_()
    assert html.count("<tr>") == 1 + 12
    assert "and 3 further rows" in html


def test_pandas() -> None:
    frame = SURFACE.to_dataframe()
    assert list(frame.columns) == ["alpha", "beta", "loss", "done"]
    row = frame[(frame.alpha == 1.0) & (frame.beta == 0.5)]
    assert row.loss.item() == SURFACE.loss[2, 2]
    assert frame.attrs == {"seed": 3}
    assert PAIRS.to_dataframe().converged.tolist() == [True, True, False]


def test_xarray() -> None:
    array = SURFACE.to_xarray()
    assert array.sel(alpha=1.0, beta=0.5).item() == SURFACE.loss[2, 2]
    assert (array.name, array.dims, array.attrs) == ("loss", ("beta", "alpha"), {"seed": 3})


@pytest.mark.parametrize(("package", "method"), [("pandas", "to_dataframe"), ("xarray", "to_xarray")])
def test_without_the_package(package: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=f"pip install {package}"):
        getattr(SURFACE, method)()


def test_paraview_is_given_each_loss_at_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Points of a structured grid run along the rows of the arrays that it is made of first."""

    class Grid:
        def __init__(self, *places: np.ndarray) -> None:
            self.points = np.stack([place.ravel(order="F") for place in places], axis=1)
            self.point_data: dict[str, np.ndarray] = {}

        def save(self, path: Path, binary: bool) -> None:
            assert (path.suffix, binary) == (".vts", False)
            np.savetxt(path, np.column_stack([self.points, *self.point_data.values()]))

    monkeypatch.setitem(sys.modules, "pyvista", SimpleNamespace(StructuredGrid=Grid))
    SURFACE.to_vts(tmp_path / "plane.vts")
    for a, b, height, loss, done in np.loadtxt(tmp_path / "plane.vts"):
        at = np.flatnonzero(SURFACE.beta == b)[0], np.flatnonzero(SURFACE.alpha == a)[0]
        assert (height, loss, bool(done)) == (0, SURFACE.loss[at], SURFACE.done[at])
    monkeypatch.setitem(sys.modules, "pyvista", None)
    before = (tmp_path / "plane.vts").read_bytes()
    with pytest.raises(ImportError, match="pip install pyvista"):
        SURFACE.to_vts(tmp_path / "plane.vts")
    assert (tmp_path / "plane.vts").read_bytes() == before


def test_numpy_sees_the_loss() -> None:
    assert np.array_equal(np.asarray(SURFACE), SURFACE.loss)
    assert np.asarray(SURFACE, np.float32).dtype == np.float32
    copied = np.array(SURFACE)
    copied[:] = 0
    assert SURFACE.loss.max() == 11.5
    with pytest.raises(ValueError, match="copy"):
        SURFACE.__array__(np.dtype(np.float32), copy=False)


def test_what_is_not_known_is_a_dash_in_tables_and_lines_and_stays_nan_in_data() -> None:
    """tr(H) of one checkpoint was not computed, nothing was found at the other but the loss."""
    nan = np.nan
    table = Comparison(
        name=("step 0", "step 9"),
        loss=np.array([1.5, 0.5]),
        gradient_norm=np.array([0.25, nan]),
        largest=np.array([4.0, nan]),
        smallest=np.array([-1.0, nan]),
        trace=np.array([nan, nan]),
        verdict=("saddle", "undecided"),
    )
    page = table._repr_html_()
    assert "nan" not in page.lower()
    assert "<td>4</td><td>\N{MINUS SIGN}1</td><td>\N{EN DASH}</td><td>saddle</td>" in page
    assert repr(table) == "Comparison(step 0: saddle, λmax 4; step 9: undecided, λmax \N{EN DASH})"
    assert np.isnan(table.columns["trace"]).all()
    assert "nan" in table.csv
