"""How deep records may nest, the same wherever they are read.

Python bounds the depth of its stack, on which a decoder counts as many levels as there are in what it decodes: who
calls it from deeper down gets less far. A replay in one process and readers of their own on Ray call from different
depths, and must not differ in which records they reject.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import wraps
from typing import Any, TypeVar

T = TypeVar("T")


def from_any_depth(function: Callable[..., T]) -> Callable[..., T]:
    """The function; where the stack is too low for it, tried once more at the bottom of a thread's own.

    Whatever depth it goes to from anywhere, it goes to there. Raises RecursionError beyond that.
    """

    @wraps(function)
    def called(*given: Any) -> T:
        try:
            return function(*given)
        except RecursionError as error:
            with ThreadPoolExecutor(1) as below:
                try:
                    found = below.submit(function, *given)
                except RuntimeError:  # no thread is to be had
                    raise error from None
                return found.result()

    return called
