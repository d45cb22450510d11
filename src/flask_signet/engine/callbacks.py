"""The functions that an application may replace, and what they do where it doesn't.

One dataclass of functions. The loader decorators of the manager replace them.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from flask import current_app

#: What answers a request: the text of the error, or the token it is about.
Answer = Callable[..., Any]


@dataclass(slots=True)
class Callbacks:
    """The functions of one manager; None stands for the default.

    The names are those of the loaders, without ``_loader``.
    """

    additional_claims: Callable[[Any], Any] | None = None
    additional_headers: Callable[[Any], Any] | None = None
    decode_key: Callable[[dict[str, Any], dict[str, Any]], Any] | None = None
    encode_key: Callable[[Any], Any] | None = None
    expired_token: Answer | None = None
    invalid_token: Answer | None = None
    needs_fresh_token: Answer | None = None
    revoked_token: Answer | None = None
    token_in_blocklist: Callable[[dict[str, Any], dict[str, Any]], Any] | None = None
    token_verification: Callable[[dict[str, Any], dict[str, Any]], Any] | None = None
    token_verification_failed: Answer | None = None
    unauthorized: Answer | None = None
    user_identity: Callable[[Any], Any] | None = None
    user_state: Callable[[Any], Any] | None = None
    user_lookup: Callable[[dict[str, Any], dict[str, Any]], Any] | None = None
    user_lookup_error: Answer | None = None


_PLAIN: Final = frozenset({bool, type(None), str, dict, tuple, int, bytes})


def call(function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    """The function's result; where that is a coroutine, the coroutine's.

    What is looked at is the result, not how the function was written: a lambda or a partial
    around an ``async def`` gives a coroutine too, and an unawaited coroutine is truthy, which
    as the answer of a ``token_verification_loader`` would let everybody in.
    """
    result = function(*arguments, **named)
    if type(result) in _PLAIN or not inspect.isawaitable(result):
        return result
    return _await(result)


def _gevent_pool() -> Any:
    """Where gevent has real threads, if it has replaced Python's; else None.

    Its greenlets share a thread, and a thread runs one event loop at a time: while one request
    waits in its callback, another's would find that loop running.
    """
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        return None
    return sys.modules["gevent"].get_hub().threadpool


def _await(awaitable: Awaitable[Any]) -> Any:
    async def wait() -> Any:
        return await awaitable

    pool = _gevent_pool()
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        if pool is None:
            return current_app.async_to_sync(wait)()
    # Called from within an async view: its loop can't be re-entered, so another thread has one.
    result: list[Any] = []
    context = contextvars.copy_context()

    def run() -> None:
        try:
            result.append((True, context.run(asyncio.run, wait())))
        except BaseException as error:  # noqa: BLE001 - handed over to the waiting thread
            result.append((False, error))

    if pool is not None:
        pool.apply(run)
    else:
        thread = threading.Thread(target=run, name="flask-signet-callback")
        thread.start()
        thread.join()
    succeeded, value = result[0]
    if not succeeded:
        raise value
    return value
