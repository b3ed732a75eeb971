"""Functions by name, with their parameters checked before a run begins."""

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from functools import partial
from typing import Any, Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class UnknownName(ValueError):
    """No function, or no parameter of one, has this name; the message lists those that exist."""


class Registry(Generic[P, R]):
    """The functions of one kind: `kind` is the word for them in messages, as "loss"."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._functions: dict[str, Callable[..., R]] = {}

    def __call__(self, name: str) -> Callable[[Callable[..., R]], Callable[..., R]]:
        """Decorator: the function is known as `name`; its keyword-only arguments are its parameters."""

        def add(function: Callable[..., R]) -> Callable[..., R]:
            assert name not in self._functions, f"two {self.kind}s are named {name}"
            self._functions[name] = function
            return function

        return add

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._functions))

    def parameters(self, name: str) -> dict[str, inspect.Parameter]:
        """The keyword-only arguments of `name`. Raises `UnknownName`."""
        signature = inspect.signature(self._find(name))
        return {key: value for key, value in signature.parameters.items() if value.kind is value.KEYWORD_ONLY}

    def get(self, name: str, **parameters: Any) -> Callable[P, R]:
        """The function with `parameters` filled in. Raises `UnknownName` for an unknown name or parameter."""
        function = self._find(name)
        known = self.parameters(name)
        for key in parameters:
            if key not in known:
                raise UnknownName(f"{self.kind} {name!r} has no parameter {_told(key, known)}")
        return partial(function, **parameters)

    def _find(self, name: str) -> Callable[..., R]:
        if name not in self._functions:
            raise UnknownName(f"no {self.kind} is named {_told(name, self._functions)}")
        return self._functions[name]


def _told(name: str, known: Any) -> str:
    close = get_close_matches(name, known, n=1)
    meant = f" (did you mean {close[0]!r}?)" if close else ""
    return f"{name!r}{meant}; there are: {', '.join(sorted(known)) or 'none'}"
