"""What both papers state, claim by claim, and how this package's figures for it are written and held."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

#: Files of results that measure.py and referee.py can write.
PARTS = (
    "examples",
    "approximation",
    "blindness",
    "resnet56-losses",
    "resnet56",
    "resnet56-no-shortcuts",
    "resnet56-blindness",
    "resnet56-convexity",
    "resnet56-training",
    "referee",
    "others",
)

#: All results: file, then what it holds.
Results = dict[str, Any]

#: The file of the network without shortcuts.
BARE = "resnet56-no-shortcuts"

#: Minibatches of 128 that 50,000 images make.
MINIBATCHES = -(-50_000 // 128)


@dataclass(frozen=True)
class Claim:
    """One figure or sentence of a paper.

    Attributes:
        place: Where it stands.
        says: What is stated there.
        here: What is obtained here, or how it is written from the results.
        verdict: "same", "differs" or "cannot".
        source: The file of results or the notebook.
        holds: What a test asserts of the results, so that the verdict stays true.
        why: Why it differs or cannot be.
    """

    place: str
    says: str
    here: str | Callable[[Results], str]
    verdict: str
    source: str
    holds: Callable[[Results], bool] | None = None
    why: str = ""


def near(pair: Sequence[float], value: float, errors: float = 5) -> bool:
    """Whether an estimate lies within five standard errors of a value."""
    return abs(pair[0] - value) < errors * pair[1]


def estimate(pair: Sequence[float]) -> str:
    """``600.3 ± 0.4``."""
    return f"{pair[0]:.1f} ± {pair[1]:.1f}"


def means(case: str, *quantities: str) -> Callable[[Results], str]:
    """The estimates of some quantities of one example."""
    return lambda r: ", ".join(estimate(r["examples"][case]["means"][each]) for each in quantities)


def hidden(case: str) -> Callable[[Results], str]:
    """How often a random plane hides the saddle, by three ways."""

    def text(r: Results) -> str:
        found = r["examples"][case]["hidden"]
        low, high = found["measured"]
        return (
            f"measured {low:.4f} to {high:.4f}, closed form {found['closed form']:.4f}, "
            f"by the spectrum {found['spectral']:.4f}"
        )

    return text


def lower(name: str) -> Callable[[Results], str]:
    """By how much the Hessian plane's lowest node is lower, in both kept states of a network."""

    def text(r: Results) -> str:
        states = [r["approximation"][each]["Hessian plane"] for each in (f"{name}-early", name)]
        return "; ".join(f"{s['training']:.0%} in training, {s['test']:.1%} in test loss" for s in states)

    return text


def lowest_at_origin(r: Results) -> bool:
    """Whether the random planes' lowest node is θ* everywhere."""
    return all(state["random plane"]["at"] == [0, 0] for state in r["approximation"].values())


def network(write: Callable[[dict[str, Any]], str], name: str = "resnet56") -> Callable[[Results], str]:
    """A figure of one ResNet-56."""
    return lambda r: write(r[name])


def training(name: str) -> Callable[[Results], str]:
    """Loss and accuracy of one ResNet-56."""

    def text(r: Results) -> str:
        found = r["resnet56-losses"][name]
        return f"{found['loss']:.3g} and {found['accuracy']:.2%} ({found['images']:,} images)"

    return text


def ends(found: dict[str, Any]) -> str:
    """Both certified ends, and what they are once a sum over minibatches is taken."""
    low, high = found["λmin"], found["λmax"]
    return (
        f"{low:.4g} and {high:.6g} for the mean loss of {found['images of curvature']} images, certified "
        f"(residuals {max(found['residuals']):.1g} at most, {found['products']} products); "
        f"times {MINIBATCHES}: {MINIBATCHES * low:.4g} and {MINIBATCHES * high:.4g}"
    )


def owned(name: str) -> Callable[[Results], bool]:
    """Whether both pairs are certified and an own double backward in float64 has the same."""

    def holds(r: Results) -> bool:
        own = r[name]["own double backward"]
        gaps = own.get("‖Hv − λv‖ of |λ|") or own["differs by"]
        return r[name]["converged"] and max(gaps) < 6e-3

    return holds


def rim(found: dict[str, Any]) -> str:
    """The highest loss along the first axis of the filter-normalised plane, on both kinds of images."""
    name = "random, filter-normalised"
    highest = [
        f"{max(found['planes'][f'{name}; {which}']['loss along α']):.3g} on {which}"
        for which in ("training images", "other images")
    ]
    return f"loss along α in ±1 at the most {' and '.join(highest)}; λmax {found['λmax']:.4g}"


def falling(found: dict[str, Any]) -> str:
    """Where the loss is lowest in the Hessian plane, on both kinds of images."""
    told = []
    for which in ("training images", "other images"):
        plane = found["planes"][f"Hessian; {which}"]
        alpha, beta, loss = plane["lowest"]
        here = f"({alpha:.3g}, {beta:.3g})"
        told.append(f"{plane['images']:,} {which}: {loss:.6g} at {here}, {plane['at θ*']:.6g} at θ*")
    return f"lowest of the grid in ±{plane['half-width']:g}, {'; '.join(told)}"


def lower_off_origin(found: dict[str, Any]) -> bool:
    """Whether the Hessian plane's lowest node on the training images is another one than θ*."""
    plane = found["planes"]["Hessian; training images"]
    return plane["lowest"][:2] != [0, 0] and plane["lowest"][2] < plane["at θ*"]


def saddles(part: str, *names: str) -> Callable[[Results], str]:
    """How often a random plane hides the saddle of some trained networks, by three ways."""

    def text(r: Results) -> str:
        told = []
        for name in names:
            found = r[part][name]
            low, high = found["measured"][1:]
            told.append(
                f"{name} ({found['examples']} examples): measured {low:.3f} to {high:.3f} in "
                f"{found['planes']} planes, closed form {found['closed form'][0]:.3f}, "
                f"by the spectrum {found['by the spectrum'][0]:.3f}"
            )
        return "; ".join(told)

    return text


def foretold(part: str) -> Callable[[Results], bool]:
    """Whether the share by the spectrum lies in the interval of the measured one."""
    return lambda r: all(
        f["measured"][1] <= f["by the spectrum"][2] and f["by the spectrum"][1] <= f["measured"][2]
        for f in r[part].values()
    )


def ratio_away(found: dict[str, Any]) -> float:
    """The median of |λmin/λmax| over all nodes but θ*."""
    nodes = [value for row in found["ratio"] for value in row]
    del nodes[len(nodes) // 2]
    return median(nodes)


def ratios(r: Results) -> str:
    """|λmin/λmax| of both ResNet-56, at θ* and away from it."""
    told = []
    for name, found in r["resnet56-convexity"].items():
        rows = found["ratio"]
        centre = rows[len(rows) // 2][len(rows) // 2]
        told.append(f"{name} {centre:.3f} at θ*, {ratio_away(found):.2f} elsewhere")
    n, images = len(rows), found["images"]
    return (
        f"median of \\|λmin/λmax\\| over {n}×{n} nodes in ±1, filter-normalised, {images} images: "
        f"{'; '.join(told)}; all certified"
    )


def cosines(r: Results) -> list[float]:
    """|cos| of the way from start to end and random directions."""
    found: list[float] = r["resnet56-training"]["cosines"]
    return found


def expected_cosine(r: Results) -> float:
    """√(2/(πN))."""
    return math.sqrt(2 / (math.pi * r["resnet56-training"]["parameters"]))


#: Standard deviation of |z| of a normal z, over its mean.
SPREAD = math.sqrt(math.pi / 2 - 1)


def unseen(r: Results) -> str:
    """How little of a path random directions and planes show."""
    shares = r["resnet56-training"]["random planes"]
    return (
        f"mean of {len(cosines(r))} \\|cos\\|: {mean(cosines(r)):.2g} for {expected_cosine(r):.2g}; "
        f"{len(shares)} random planes hold {mean(shares):.1g} of the path's variation"
    )


def two_axes(r: Results) -> str:
    """What the path's own plane holds of it."""
    found = r["resnet56-training"]
    first, second = found["own plane"]
    return (
        f"{first:.0%} and {second:.0%}, of {found['epochs']} epochs on {found['images']:,} images to "
        f"{found['accuracy']:.0%} of them right"
    )


BOTTCHER = [
    Claim(
        "Eqs. 22, 23; Fig. 1, (26)",
        "⟨A⟩, ⟨C⟩ → tr(H) = 0, ⟨B⟩ → 0; ⟨κ±⟩ stay apart",
        means("26", "A", "B", "C", "kappa_minus", "kappa_plus"),
        "same",
        "examples",
        lambda r: all(near(r["examples"]["26"]["means"][each], 0) for each in "ABC"),
    ),
    Claim(
        "Fig. 1, (31)",
        "⟨A⟩, ⟨C⟩ → 600, ⟨B⟩ → 0",
        means("31", "A", "B", "C", "kappa_minus", "kappa_plus"),
        "same",
        "examples",
        lambda r: near(r["examples"]["31"]["means"]["A"], 600) and near(r["examples"]["31"]["means"]["B"], 0),
    ),
    Claim(
        "Fig. 2, (26)",
        "some 0.3 of random projections hide the saddle",
        hidden("26"),
        "same",
        "examples",
        lambda r: abs(r["examples"]["26"]["hidden"]["closed form"] - 0.3) < 0.01,
    ),
    Claim(
        "Fig. 2, (31)",
        "all hide it",
        hidden("31"),
        "same",
        "examples",
        lambda r: r["examples"]["31"]["hidden"]["measured"][1] == 1,
    ),
    Claim(
        "Fig. 3",
        "Hutchinson's estimate and the curvature fit agree on the same vectors; true traces 0 and 600",
        lambda r: "; ".join(
            f"{r['examples'][c]['hutchinson']:.2f} and {r['examples'][c]['curvature fit']:.2f}"
            for c in ("26", "31")
        ),
        "same",
        "examples",
        lambda r: all(
            abs(r["examples"][c]["hutchinson"] - r["examples"][c]["curvature fit"]) < 1e-3
            for c in ("26", "31")
        ),
    ),
    Claim(
        "Fig. 4",
        "planes of eigenvectors show a saddle, a minimum, a maximum; a random plane shows a minimum",
        lambda r: ", ".join(f"{name}: {kind}" for name, kind in r["examples"]["planes"].items()),
        "same",
        "examples",
        lambda r: list(r["examples"]["planes"].values()) == ["saddle", "minimum", "maximum", "minimum"],
    ),
    Claim(
        "Text on Fig. 4, n = 900, ñ = 1000",
        "about 0.005 of random planes show the saddle",
        lambda r: f"{1 - r['examples']['33']['hidden']['closed form']:.4f}; hidden: {hidden('33')(r)}",
        "differs",
        "examples",
        lambda r: r["examples"]["33"]["hidden"]["measured"][0] > 0.996,
        "100,000 drawings of the projected Hessian without this package give 0.0027 as well (notebook 02)",
    ),
    Claim(
        "Text: random planes hide saddles of high dimension",
        "measured on functions only",
        saddles("blindness", "FCNN 1", "FCNN 2", "LeNet-5"),
        "same",
        "blindness",
        foretold("blindness"),
        "what the spectrum foretells is what is measured on trained networks",
    ),
    Claim(
        "The same on ResNet-56",
        "as above",
        saddles("resnet56-blindness", "ResNet-56 with shortcuts", "ResNet-56 without shortcuts"),
        "same",
        "resnet56-blindness",
        foretold("resnet56-blindness"),
        "as above",
    ),
    Claim(
        "Table II, ResNet-56: parameters with and without shortcuts",
        "855,770; 853,018",
        lambda r: "; ".join(f"{f['parameters']:,}" for f in r["resnet56-losses"].values()),
        "same",
        "resnet56-losses",
        lambda r: [f["parameters"] for f in r["resnet56-losses"].values()] == [855_770, 853_018],
    ),
    Claim(
        "Table II, with shortcuts: training loss and accuracy",
        "9.2e-4 and 99.998 % (50,000 images)",
        training("with shortcuts"),
        "same",
        "resnet56-losses",
        lambda r: abs(r["resnet56-losses"]["with shortcuts"]["loss"] / 9.2e-4 - 1) < 0.25,
        "another part of the images",
    ),
    Claim(
        "Table II, without shortcuts: training loss and accuracy",
        "0.137 and 95.546 %",
        training("without shortcuts"),
        "same",
        "resnet56-losses",
        lambda r: abs(r["resnet56-losses"]["without shortcuts"]["loss"] / 0.137 - 1) < 0.05,
        "another part of the images",
    ),
    Claim(
        "Table II, without shortcuts: λmin and λmax",
        "−39,308.9 and 50,064,044",
        network(ends, BARE),
        "differs",
        BARE,
        owned(BARE),
        "a sum over minibatches: λmax so to 2 %, and λmin within what the paper's search leaves open, see "
        "below",
    ),
    Claim(
        "Table II, with shortcuts: λmin and λmax",
        "−16.4 and 5007.9",
        network(ends),
        "differs",
        "resnet56",
        owned("resnet56"),
        "a sum over minibatches: λmax so to 2 %, which rests on a few of these images, and λmin within what "
        "the paper's search leaves open, see below",
    ),
    Claim(
        "Figs. 5 and 8, with shortcuts: Hessian plane in ±0.05",
        "the loss falls along the negative β axis, λmin's; the minimum is off the origin",
        network(falling),
        "same",
        "resnet56",
        lambda r: lower_off_origin(r["resnet56"]),
        "eigenvectors have no sign: which half of the β axis falls is a convention",
    ),
    Claim(
        "Figs. 5 and 8, without shortcuts: Hessian plane in ±0.001",
        "as above",
        network(falling, BARE),
        "same",
        BARE,
        lambda r: lower_off_origin(r[BARE]),
        "as above",
    ),
    Claim(
        "Table II: parameters of DenseNet-121, MobileNetV2, GoogLeNet",
        "6,956,298; 2,236,682; 5,490,986",
        lambda r: "; ".join(f"{f['parameters']:,}" for f in r["others"].values()),
        "same",
        "others",
        lambda r: [f["parameters"] for f in r["others"].values()] == [6_956_298, 2_236_682, 5_490_986],
    ),
    Claim(
        "Table II: λmin and λmax of DenseNet-121, MobileNetV2, GoogLeNet",
        "−109.1, 1937.5; −405.0, 1,061,115; −8208.8, 1,427,483",
        lambda r: (
            "untrained: " + "; ".join(f"{f['λmin']:.1f}, {f['λmax']:.1f}" for f in r["others"].values())
        ),
        "differs",
        "others",
        lambda r: all(f["converged"] for f in r["others"].values()),
        "these are networks with random weights on two images of noise, certified: what they take is seen, "
        "not what the paper found; its weights are not at hand, and training takes days on two cores",
    ),
    Claim(
        "Figs. 6 and 7",
        "planes of these networks",
        "–",
        "cannot",
        "",
        why="as above",
    ),
    Claim(
        "App. D: parameters",
        "20,501 and 101,301",
        lambda r: (
            f"{r['approximation']['fcnn1']['parameters']:,} and {r['approximation']['fcnn2']['parameters']:,}"
        ),
        "same",
        "approximation",
        lambda r: [r["approximation"][n]["parameters"] for n in ("fcnn1", "fcnn2")] == [20_501, 101_301],
    ),
    Claim(
        "App. D, Fig. 9: the minimum is off the origin in the Hessian plane, at it in a random one",
        "so it is",
        "off it along the first eigenvector in all four states, at it in all four random planes of ±1",
        "same",
        "approximation",
        lambda r: (
            lowest_at_origin(r)
            and all(state["Hessian plane"]["at"][0] > 0 for state in r["approximation"].values())
        ),
    ),
    Claim(
        "Fig. 9, FCNN 1: lower than the random plane's best",
        "more than 9 % in training, 1 % in test loss",
        lower("fcnn1"),
        "differs",
        "approximation",
        why="the offset is the slope that the last step of gradient descent leaves, so it depends on where "
        "a run is stopped (first loss below 1e-4; lowest loss)",
    ),
    Claim(
        "Fig. 9, FCNN 2",
        "more than 26 % in training, 6 % in test loss",
        lower("fcnn2"),
        "differs",
        "approximation",
        why="as above",
    ),
    Claim(
        "Video: both planes during training",
        "the Hessian plane shows ways down that the random one does not",
        "nine checkpoints of FCNN 2, both planes",
        "same",
        "05_training_evolution",
    ),
]

LI = [
    Claim(
        "Fig. 2: interpolation between small and large batches",
        "VGG-9 on CIFAR-10",
        "two-layer network on scikit-learn's digits, with barrier and test loss",
        "differs",
        "06_paths_between_minima",
        why="another network: VGG-9 is not trained here",
    ),
    Claim(
        "Figs. 1 and 5: ResNet-56 with shortcuts, filter-normalised",
        "smooth",
        network(rim),
        "same",
        "resnet56",
        lambda r: r["resnet56"]["λmax"] < 1e3,
        "the plane on 100 images",
    ),
    Claim(
        "Figs. 1 and 5: ResNet-56 without shortcuts, filter-normalised",
        "rough and sharp",
        network(rim, BARE),
        "same",
        BARE,
        lambda r: r[BARE]["λmax"] > 1e4,
        "the plane on 100 images",
    ),
    Claim(
        "Fig. 7: the ratio of λmin and λmax over a plane",
        "insignificant where the surface looks convex, large where it is chaotic",
        ratios,
        "same",
        "resnet56-convexity",
        lambda r: (
            ratio_away(r["resnet56-convexity"]["with shortcuts"])
            < 0.5 * ratio_away(r["resnet56-convexity"]["without shortcuts"])
            and all(all(map(all, each["converged"])) for each in r["resnet56-convexity"].values())
        ),
        "fewer nodes and images than the paper's",
    ),
    Claim(
        "Fig. 8: random directions show almost nothing of a path",
        "cos ~ √(2/(πN))",
        unseen,
        "same",
        "resnet56-training",
        lambda r: abs(mean(cosines(r)) / expected_cosine(r) - 1) < 5 * SPREAD / math.sqrt(len(cosines(r))),
        "a run of this repository's own, of ResNet-56 in place of VGG-9",
    ),
    Claim(
        "Fig. 9: paths in the plane of their own principal components",
        "most of the variation on two axes",
        two_axes,
        "same",
        "resnet56-training",
        lambda r: sum(r["resnet56-training"]["own plane"]) > 0.5,
        "as above",
    ),
]
