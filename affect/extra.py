"""What the extra ``affect`` installs, imported when it is used."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__all__ = ["required"]


def required(module: str) -> Any:
    """A module of the extra, or an error that says how to get it.

    Examples
    --------
    >>> required("pandas").__name__
    'pandas'
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = module.split(".")[0]
        if error.name != package:  # installed, and broken: its own words say more
            raise
        raise ModuleNotFoundError(
            f"affect needs {package}: pip install 'certified-mtl[affect]'", name=package
        ) from error
