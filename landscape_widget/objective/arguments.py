"""What an objective may be made of, said before anything is computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from typing import Any

import torch
from torch import Tensor, nn

from landscape_widget.data.tree import describe
from landscape_widget.numerics.checks import few, integer, told


def check_arguments(model: Any, loss_fn: Any, mode: Any, dtype: Any, batch_size_fn: Any) -> None:
    """Raises a TypeError or ValueError for arguments of ``Objective`` that are of the wrong kind."""
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"Expected model as a torch.nn.Module, got {type(model).__name__}. "
            "For a plain function of θ use Objective.from_function."
        )
    scripted = [name for name, part in model.named_modules() if isinstance(part, torch.jit.ScriptModule)]
    if scripted:
        which = f" in its parts {few(scripted)}" if scripted[0] else ""
        raise TypeError(
            f"Expected a model in Python, got a TorchScript module{which}, whose derivatives run past all "
            "checks. Pass the module that it was made from."
        )
    if isinstance(loss_fn, type):
        name = loss_fn.__name__
        raise TypeError(f"Expected loss_fn as a callable, got the class {name}. Make one of it: {name}().")
    if not callable(loss_fn):
        raise TypeError(f"Expected loss_fn as a callable, got {type(loss_fn).__name__}.")
    if batch_size_fn is not None and not callable(batch_size_fn):
        raise TypeError(f"Expected batch_size_fn as a callable, got {type(batch_size_fn).__name__}.")
    if not isinstance(mode, str) or mode not in ("eval", "train"):
        raise ValueError(f"Expected mode 'eval' or 'train', got {told(mode)}.")
    if dtype is not None:
        check_dtype(dtype)


def check_dtype(dtype: Any) -> torch.dtype:
    """``dtype`` itself, if it is a floating-point one of torch.

    Raises:
        TypeError: If it is something else.
    """
    if not isinstance(dtype, torch.dtype) or not dtype.is_floating_point:
        raise TypeError(f"Expected dtype as a floating-point torch.dtype, got {told(dtype)}.")
    return dtype


def check_device(device: Any) -> torch.device:
    """The device of a name, or ``device`` itself.

    Raises:
        TypeError: If it is something else.
        RuntimeError: If torch knows no such device, or has none here.
    """
    if not isinstance(device, str | torch.device):
        raise TypeError(
            f"Expected device as a torch.device or its name, such as 'cpu' or 'cuda:0', got {told(device)}."
        )
    if str(device).partition(":")[0] in ("gpu", "nvidia"):
        raise RuntimeError(f"Expected a device that torch knows, got {str(device)!r}. Did you mean 'cuda'?")
    wanted = torch.device(device)
    try:
        torch.empty(0, device=wanted)
    except (AssertionError, RuntimeError, NotImplementedError) as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise RuntimeError(
            f"Expected a device that torch can use on this machine, got {str(wanted)!r}: {reason}. Leave "
            "device= out to stay where the model is, pass device='cpu', or install a torch for that device."
        ) from error
    return wanted


def check_metrics(metrics: Any) -> None:
    """Raises a TypeError for metrics that are no functions by name."""
    if metrics is None:
        return
    if not isinstance(metrics, Mapping) or not all(isinstance(name, str) for name in metrics):
        raise TypeError(
            'Expected metrics as a mapping of names to functions, such as {"accuracy": accuracy}, got '
            f"{type(metrics).__name__}."
        )
    for name, metric in metrics.items():
        if not callable(metric):
            raise TypeError(f"Expected the metric {name!r} as a callable, got {type(metric).__name__}.")


def check_function(f: Any, theta: Any) -> None:
    """Raises a TypeError or ValueError for anything but a function and a vector of floating-point numbers."""
    if not callable(f):
        raise TypeError(f"Expected f as a callable, got {type(f).__name__}.")
    if not isinstance(theta, Tensor) or theta.ndim != 1 or not theta.is_floating_point() or not len(theta):
        raise ValueError(f"Expected theta as a float vector of shape (N,), N ≥ 1, got {describe(theta)}.")


def check_examples(given: Any, total: int, divisible: bool) -> int:
    """The number of examples that is asked for, if it can be had.

    Args:
        given: The number.
        total: How many there are.
        divisible: Whether their batches can be cut between any two of them.

    Raises:
        ValueError: If it cannot.
    """
    number = integer(given)
    if number is None:
        raise ValueError(f"Expected examples as an integer, got {told(given)}.")
    if not 1 <= number <= total:
        raise ValueError(f"Expected between 1 and {total} examples, got {told(number)}.")
    if number < total and not divisible:
        raise ValueError(
            f"Expected all {total} examples, since these batches cannot be cut between two of them (not "
            f"every tensor has one row for an example), got {number}. Use a loader of fewer."
        )
    return number


def widest_dtype(parameters: Iterable[Tensor]) -> torch.dtype:
    """The floating-point type that holds the numbers of all parameters."""
    return reduce(torch.promote_types, (parameter.dtype for parameter in parameters))
