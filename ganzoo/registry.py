"""Pluggable parts by name: what a config can name, a decorator makes known, so that no list is to be edited."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from ganzoo.errors import ConfigError, did_you_mean

T = TypeVar("T")


class Registry(Generic[T]):
    """Names -> parts of one kind.

    Args:
      kind: what a part is called in messages (`loss`).
      key: where a config names it (`loss.name`).
    """

    def __init__(self, kind: str, key: str) -> None:
        self.kind = kind
        self.key = key
        self.parts: dict[str, T] = {}

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that makes a part known by a name."""

        def keep(part: T) -> T:
            self.parts[name] = part
            return part

        return keep

    def get(self, name: str) -> T:
        """The part of that name.

        Raises:
          ConfigError: there is none.
        """
        if name not in self.parts:
            raise ConfigError(f"{self.key}: unknown {self.kind} '{name}'{did_you_mean(name, self.parts)}")
        return self.parts[name]
