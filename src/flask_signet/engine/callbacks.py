"""The functions that an application may replace, and how the result of an ``async`` one is had."""

from __future__ import annotations

import contextvars
import inspect
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final

Answer = Callable[..., Any]
"""A loader that makes an error's response. It is called with the message, or with header and
payload."""

ToSync = Callable[[Callable[..., Coroutine[Any, Any, Any]]], Callable[..., Any]]
"""Makes a plain function of an ``async`` one, as Flask's ``app.async_to_sync`` does."""


@dataclass(slots=True)
class Callbacks:
    """The functions of one manager; None stands for the default.

    The names are those of the loaders, without ``_loader``.
    """

    additional_claims: Callable[[Any], Any] | None = None
    additional_headers: Callable[[Any], Any] | None = None
    decode_key: Callable[[dict[str, Any], dict[str, Any]], Any] | None = None
    device: Callable[[Any], Any] | None = None
    encode_key: Callable[[Any], Any] | None = None
    expired_token: Answer | None = None
    invalid_token: Answer | None = None
    needs_fresh_token: Answer | None = None
    revoked_token: Answer | None = None
    tenant: Callable[[], Any] | None = None
    token_in_blocklist: Callable[[dict[str, Any], dict[str, Any]], Any] | None = None
    token_verification: Callable[[dict[str, Any], dict[str, Any]], Any] | None = None
    token_verification_failed: Answer | None = None
    unauthorized: Answer | None = None
    user_identity: Callable[[Any], Any] | None = None
    user_state: Callable[[Any], Any] | None = None
    user_lookup: Callable[[dict[str, Any], dict[str, Any]], Any] | None = None
    user_lookup_error: Answer | None = None


_PLAIN: Final = frozenset({bool, type(None), str, dict, tuple, int, bytes})


def settled(result: Any, to_sync: ToSync) -> Any:
    """What a callback returned; where that is a coroutine, the coroutine's result.

    The result is looked at, not the function: a lambda or a partial around an ``async def`` gives
    a coroutine too. An unawaited coroutine is truthy, which as the answer of a
    ``token_verification_loader`` would let every token in.
    """
    if type(result) in _PLAIN or not inspect.isawaitable(result):
        return result
    return _wait_for(result, to_sync)


def run_in_a_loop(function: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    """An ``async`` function as a plain one, with an event loop of its own at each call."""
    import asyncio

    return lambda *arguments, **named: asyncio.run(function(*arguments, **named))


def _wait_for(awaitable: Awaitable[Any], to_sync: ToSync) -> Any:
    import asyncio

    async def wait() -> Any:
        return await awaitable

    pool = _gevent_pool()
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        if pool is None:
            return to_sync(wait)()
    # Called from within an async view: its loop can't be re-entered, so another thread has one.
    return _wait_elsewhere(lambda: asyncio.run(wait()), pool)


def _gevent_pool() -> Any:
    """The threads that gevent has, if it has replaced Python's; else None.

    gevent's greenlets share one thread, and a thread runs one event loop at a time: while one
    request waits in its callback, the callback of another would find that loop running.
    """
    monkey = sys.modules.get("gevent.monkey")
    if monkey is None or not monkey.is_module_patched("threading"):
        return None
    return sys.modules["gevent"].get_hub().threadpool


def _wait_elsewhere(function: Callable[[], Any], pool: Any) -> Any:
    """The function's result, or its error, from another thread with a copy of this context."""
    outcome: list[tuple[bool, Any]] = []
    context = contextvars.copy_context()

    def run() -> None:
        try:
            outcome.append((True, context.run(function)))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            outcome.append((False, error))

    if pool is not None:
        pool.apply(run)
    else:
        thread = threading.Thread(target=run, name="flask-signet-callback")
        thread.start()
        thread.join()
    succeeded, value = outcome[0]
    if not succeeded:
        raise value
    return value
