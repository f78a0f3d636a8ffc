"""The connection of a process to a Ray cluster, and requests to it with deadlines of our own."""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncGenerator, Coroutine, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from threading import Thread
from time import monotonic
from typing import Any, TypeVar

from voice.errors import Cancelled, EngineBusy, EngineFailed, EngineUnavailable, VoiceError
from voice.work.cancellation import Cancelled as CancelledFlag

POLL_S, CONNECT_S = 0.05, 3.0
NOT_INSTALLED = "Ray is not installed; install the extra `ray`: pip install 'glow-voice[ray]'."
T = TypeVar("T")


def connect(address: str | None) -> None:
    """Connect this process to a cluster; do nothing if it is connected. Blocking.

    Args:
        address: such as "auto" or "10.0.0.1:6379"; None starts a cluster of this process's own.

    Raises:
        EngineUnavailable: Ray is not installed, or the cluster cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError:
        raise EngineUnavailable(NOT_INSTALLED) from None
    if ray.is_initialized():
        return
    _look_for(address)
    own: dict[str, Any] = {"include_dashboard": False} if address is None else {"address": address}
    try:
        ray.init(namespace="serve", log_to_driver=False, logging_level=logging.ERROR, **own)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _away(address) from error


def _look_for(address: str | None) -> None:
    """Look whether anybody listens at an address: Ray itself would take minutes to say that nobody does."""
    host, _, port = (address or "").rpartition(":")
    if not host or not port.isdecimal():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except OSError as error:
        raise _away(address) from error


def _away(address: str | None) -> EngineUnavailable:
    return EngineUnavailable(
        f"The Ray cluster {address} cannot be reached; start it with `ray start --head`, have GLOW_RAY_ADDRESS and "
        "RAY_AUTH_TOKEN name it and its token, and deploy the engines with `glow ray deploy`."
    )


class RayRequests:
    """Requests to deployments, on an event loop of their own thread, which ends with the process.

    Args:
        app: name of the application.
    """

    def __init__(self, app: str) -> None:
        self._app = app
        self._handles: dict[str, Any] = {}
        self._loop = asyncio.new_event_loop()
        Thread(target=self._loop.run_forever, name="ray requests", daemon=True).start()

    def ask(self, deployment: str, method: str, *arguments: Any, deadline_s: float, cancelled: CancelledFlag) -> Any:
        """Make a request and wait for its answer; retry it if its replica dies, once.

        Raises:
            Cancelled: `cancelled()` turned True; the request is cancelled.
            EngineBusy: too many requests wait.
            EngineFailed: no answer by the deadline, or the second replica died as well.
            EngineUnavailable: there is no such deployment.
        """
        until = monotonic() + deadline_s
        try:
            return self._wait(self._answer(deployment, method, arguments), until, cancelled)
        except ReplicaDied:
            pass
        try:
            return self._wait(self._answer(deployment, method, arguments), until, cancelled)
        except ReplicaDied:
            raise EngineFailed("Two replicas of the engine on Ray died of this request; say it again.") from None

    def stream(
        self, deployment: str, method: str, *arguments: Any, item_s: float, cancelled: CancelledFlag
    ) -> Iterator[Any]:
        """Make a request whose answer comes item by item; closing the iterator cancels it.

        Before the first item a replica that dies is replaced, once.

        Args:
            deployment, method, arguments: the request.
            item_s: deadline of each item.
            cancelled: polled while an item is awaited.

        Raises:
            Cancelled, EngineBusy, EngineFailed, EngineUnavailable: see `ask`.
        """
        for attempt in range(2):
            begun = False
            items = self._items(deployment, method, arguments)
            try:
                while True:
                    item = self._wait(_next(items), monotonic() + item_s, cancelled)
                    if item is _END:
                        return
                    begun = True
                    yield item
            except ReplicaDied:
                if begun or attempt:
                    raise EngineFailed("A replica of the engine on Ray died in the middle of a clause.") from None
            finally:
                with suppress(RuntimeError):
                    asyncio.run_coroutine_threadsafe(items.aclose(), self._loop)

    async def _answer(self, deployment: str, method: str, arguments: tuple[Any, ...]) -> Any:
        response = getattr(self._handle(deployment), method).remote(*arguments)
        try:
            return await response
        except asyncio.CancelledError:
            response.cancel()
            raise
        except Exception as error:  # noqa: BLE001 -- only what is Ray's is turned into ours
            raise _typed(error) from None

    async def _items(self, deployment: str, method: str, arguments: tuple[Any, ...]) -> AsyncGenerator[Any, None]:
        response = getattr(self._handle(deployment).options(stream=True), method).remote(*arguments)
        try:
            async for item in response:
                yield item
        except (asyncio.CancelledError, GeneratorExit):
            response.cancel()  # without it the replica goes on to the end
            raise
        except Exception as error:  # noqa: BLE001 -- only what is Ray's is turned into ours
            raise _typed(error) from None

    def _handle(self, deployment: str) -> Any:
        if deployment not in self._handles:
            from ray import serve

            self._handles[deployment] = serve.get_deployment_handle(deployment, app_name=self._app)
            logging.getLogger("ray.serve").setLevel(logging.ERROR)  # it warns of every refused partial
        return self._handles[deployment]

    def _wait(self, work: Coroutine[Any, Any, T], until: float, cancelled: CancelledFlag) -> T:
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        while True:
            try:
                return future.result(POLL_S)
            except NotYet:
                if future.done():
                    raise
                if cancelled():
                    future.cancel()
                    raise Cancelled("The result is no longer wanted.") from None
                if monotonic() > until:
                    future.cancel()
                    raise EngineFailed("The engines on Ray did not answer in time; look at `serve status`.") from None


class ReplicaDied(VoiceError):
    """The replica that had a request died before it answered."""


_END: Any = object()


async def _next(items: AsyncGenerator[Any, None]) -> Any:
    return await anext(items, _END)


def _typed(error: Exception) -> Exception:
    from ray.exceptions import RayActorError, RayError
    from ray.serve.exceptions import BackPressureError, DeploymentUnavailableError, RayServeException

    match error:
        case BackPressureError():
            return EngineBusy("The engines on Ray have too much to do; try again in a moment.")
        case RayActorError():
            return ReplicaDied("A replica died.")
        case DeploymentUnavailableError():
            return EngineUnavailable("The engines on Ray do not start; look at `serve status`.")
        case RayServeException() | RayError():
            return EngineFailed(f"Ray failed at this request ({type(error).__name__}); look at `serve status`.")
        case _:
            return error
