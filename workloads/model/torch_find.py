"""Finds a torch module by `package.module:Name` and prepares it for inference."""

from __future__ import annotations

import importlib
import operator
import os
import sys
from types import ModuleType
from typing import Any

import torch
from torch import nn

from workloads.errors import UsageError


def find(path: str, seed: int) -> nn.Module:
    """The module at a path: an instance, or the result of calling a class or function.

    Weights come from the seed, unless the code loads its own. Raises UsageError.
    """
    torch.manual_seed(seed)
    name = path.partition(":")[2]
    code = _imported(path)
    try:
        found: Any = operator.attrgetter(name)(code)
    except AttributeError:
        raise UsageError(f"{path}: {code.__name__} has no {name!r}") from None
    if not isinstance(found, nn.Module):
        found = _called(path, found, seed)
    if not isinstance(found, nn.Module):
        raise UsageError(f"{path}: is {type(found).__name__}, not an nn.Module")
    return found.eval()


def reason(error: Exception) -> str:
    """An error's type and the first line of its message."""
    return ": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]])


def _imported(path: str) -> ModuleType:
    name = path.partition(":")[0]
    folder = os.getcwd()
    if folder not in sys.path:
        sys.path.append(folder)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise UsageError(f"{path}: {name} cannot be imported: {reason(error)}") from None
        raise UsageError(
            f"{path}: no module {error.name!r} in the current folder or the environment"
        ) from None
    except Exception as error:  # third-party code may raise anything
        raise UsageError(f"{path}: {name} cannot be imported: {reason(error)}") from None


def _called(path: str, found: Any, seed: int) -> Any:
    if not callable(found):
        return found
    torch.manual_seed(seed)
    try:
        return found()
    except Exception as error:  # third-party code may raise anything
        raise UsageError(f"{path}: calling it raises {reason(error)}") from None
