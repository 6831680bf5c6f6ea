"""Dataclasses to plain JSON values and back, checked field by field. Pure, standard library only.

For the sandbox's data file and for its switches. Knows nothing of what the values mean.
"""

from __future__ import annotations

import types
from collections.abc import Hashable
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


def plain(value: Any) -> Any:
    """`value` as what JSON can hold: dataclasses become objects, tuples become lists."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return value


def restored(shape: type[T], value: Any, at: str = "") -> T:
    """`value` as a `shape` again. Raises ValueError with the place and what is wrong there."""
    return cast(T, _restored(shape, value, at))


def _restored(shape: Any, value: Any, at: str) -> Any:
    origin, inside = get_origin(shape), get_args(shape)
    if shape is Any:
        return value
    if isinstance(shape, types.UnionType):
        return None if value is None else _restored(next(one for one in inside if one is not type(None)), value, at)
    if origin is tuple and isinstance(value, list):
        return tuple(_restored(inside[0], item, f"{at}[{place}]") for place, item in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {name: _restored(inside[1], item, f"{at}.{name}") for name, item in value.items()}
    if isinstance(shape, type) and is_dataclass(shape) and isinstance(value, dict):
        return _object(shape, value, at)
    if isinstance(shape, type) and issubclass(shape, Enum):
        try:
            return shape(value)
        except ValueError:
            raise ValueError(f"{at.lstrip('.')}: one of {', '.join(str(one.value) for one in shape)}") from None
    if shape is float and type(value) is int:
        return float(value)
    if type(value) is not shape:
        raise ValueError(f"{at.lstrip('.') or 'the file'}: not what belongs there")
    return value


def _object(shape: type[Any], value: dict[str, Any], at: str) -> Any:
    hints, known = _hints(cast(Hashable, shape)), {field.name: field for field in fields(shape)}
    for name in value:
        if name not in known:
            raise ValueError(f"{at}.{name}".lstrip(".") + ": unknown")
    for name, field in known.items():
        if name not in value and _is_needed(field):
            raise ValueError(f"{at}.{name}".lstrip(".") + ": missing")
    return shape(**{name: _restored(hints[name], item, f"{at}.{name}") for name, item in value.items()})


def _is_needed(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


@lru_cache
def _hints(shape: Hashable) -> dict[str, Any]:
    return get_type_hints(shape)
