"""One shell: a runspace pool, its commands' queues, and who waits for them; knows no socket.

One lock and one condition per shell; every call on its PSRP session is made under them. A Receive is
a blocked thread. Rules of the queues:

- the answer to a Receive is taken and remembered in one breath, so that a client whose connection was
  cut gets the same bytes when it repeats the request with the same MessageID;
- the newest Receive on a stream wins, so that the ghost of a cut connection takes nothing away;
- the Receive that takes the last data of a finished command says so, and is the last one answered.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID, uuid4

from snlm_lib.clock import Clock
from snlm_lib.lab.pipeline import Caller, PipelineHost
from snlm_lib.lab.pipelines import PipelineRun
from snlm_lib.lab.psrp import FRAGMENT_BYTES, Asked, PsrpSession, Undecodable, first_pipeline_id
from snlm_lib.lab.records import lab_fault
from snlm_lib.lab.wsman import Request, ShellFacts, fragment_room, receive_response, stream_cost, stream_room
from snlm_lib.lab.wsman_fault import Fault

__all__ = ["Shell"]

REPLAYS = 64
# A command that ends at once should not cost a second Receive: wait this long for its end.
_LINGER_S = 0.005
_SIGNALS = ("ctrl_c", "crtl_c", "ctrl_break", "terminate")  # the second is how PowerShell's own client spells it
_APART = b""  # between two fragments: what follows waits for the next answer


@dataclass
class _Queue:
    """What one stream (the pool's, or one command's) has to tell."""

    fragments: deque[bytes] = field(default_factory=deque)
    newest: object = None  # the Receive that may take from here
    pipeline_id: UUID | None = None
    run: PipelineRun | None = None
    done: bool = False
    told: bool = False  # the end has been delivered


class Shell:
    """A client's runspace pool on one host. ``shell_id`` is upper case; methods raise `Fault`."""

    def __init__(self, request: Request, caller: Caller, *, host: PipelineHost, clock: Clock) -> None:
        self.shell_id = request.shell_id or str(uuid4()).upper()
        self.owner = caller
        self._resource_uri = request.resource_uri
        self._name = request.shell_name
        self._host = host
        self._clock = clock
        self._changed = threading.Condition()
        self._session = PsrpSession(fragment_room(request, FRAGMENT_BYTES))
        self._queues: dict[str, _Queue] = {"": _Queue()}
        self._replays: OrderedDict[str, bytes] = OrderedDict()
        self._waiting: deque[PipelineRun] = deque()
        self._running: set[PipelineRun] = set()
        self._connected = True
        self._closed = False
        self._opened_s = self._used_s = clock.monotonic_s()
        self._take_in(request.payload)

    def facts(self) -> ShellFacts:
        """What Create, Get and Enumerate tell."""
        now = self._clock.monotonic_s()
        return ShellFacts(
            self.shell_id,
            self._resource_uri,
            self.owner.user,
            name=self._name,
            connected=self._connected,
            age_s=now - self._opened_s,
            idle_s=now - self._used_s,
        )

    def commands(self) -> dict[str, bool]:
        """Command id -> whether it still runs."""
        with self._changed:
            return {key: not queue.done for key, queue in self._queues.items() if key}

    def command(self, request: Request) -> str:
        """Begin a pipeline -> its command id; the rest of a long one follows by `send`."""
        with self._changed:
            self._check_connected()
            command_id = request.command_id or str(uuid4()).upper()
            if command_id in self._queues:
                raise Fault.malformed("A command with this CommandId exists already.")
            try:
                pipeline_id = first_pipeline_id(request.payload)
            except Undecodable as error:
                raise Fault.malformed(f"The command's data cannot be read: {error}.") from error
            self._session.expect(pipeline_id)
            self._queues[command_id] = _Queue(pipeline_id=pipeline_id)
            self._take_in(request.payload, self._queues[command_id])
            return command_id

    def send(self, request: Request) -> None:
        """PSRP data for the pool or for a command."""
        with self._changed:
            self._check_connected()
            self._take_in(request.payload, self._queue(request.command_id))

    def receive(self, request: Request) -> bytes:
        """Wait for data -> the answer's envelope, the same for the same MessageID."""
        deadline_s = time.monotonic() + request.operation_timeout_s
        token = object()
        with self._changed:
            if request.message_id in self._replays:
                return self._replays[request.message_id]
            self._check_connected()
            self._queue(request.command_id).newest = token
            self._changed.notify_all()
            queue = self._wait(request, token, deadline_s)
            self._linger(queue, stream_room(request), token)
            answer = self._take(request, queue)
            self._replays[request.message_id] = answer
            while len(self._replays) > REPLAYS:
                self._replays.popitem(last=False)
            return answer

    def signal(self, request: Request) -> None:
        """ctrl_c stops a command; Terminate also forgets it, here and in the PSRP session."""
        code = request.signal.rpartition("/")[2].lower()
        with self._changed:
            self._check_open()
            queue = self._queue(request.command_id)
            if code not in _SIGNALS or not request.command_id:
                raise Fault.malformed("The signal is not known.")
            if queue.run is not None:
                queue.run.stop.set()
            if code == "terminate":
                del self._queues[request.command_id]
                if queue.pipeline_id is not None:
                    self._session.forget(queue.pipeline_id)
            self._changed.notify_all()

    def disconnect(self) -> None:
        """The client goes; pipelines run on and their output waits."""
        with self._changed:
            self._check_open()
            self._session.disconnect()
            self._connected = False
            for queue in self._queues.values():
                queue.newest = None
            self._changed.notify_all()

    def reconnect(self) -> None:
        """The same client comes back."""
        with self._changed:
            self._check_open()
            self._session.reconnect()
            self._connected = True

    def connect(self, request: Request) -> bytes:
        """A new client takes over the shell, or one command of it -> PSRP data for the answer."""
        with self._changed:
            self._check_open()
            if request.command_id:
                self._queue(request.command_id)
                return b""
            if self._connected:
                raise Fault.already_connected()
            try:
                answer = self._session.connect(request.payload)
            except Undecodable as error:
                raise Fault.malformed(f"The connect data cannot be read: {error}.") from error
            self._connected = True
            self._flush()
            return answer

    def close(self) -> list[PipelineRun]:
        """Stop everything -> the runs to wait for; whoever waits in a Receive is sent away."""
        with self._changed:
            self._closed = True
            runs = [*self._running, *self._waiting]
            for run in runs:
                run.stop.session_lost = True
                run.stop.set()
            self._changed.notify_all()
        return runs

    # The outlet of the pipelines: called from their threads.

    def enter(self, run: PipelineRun) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: run.stop.is_set() or self._may_run(run))
            self._waiting.remove(run)
            if not run.stop.is_set():
                self._running.add(run)
            self._changed.notify_all()
            return run in self._running

    def leave(self, run: PipelineRun) -> None:
        with self._changed:
            self._running.discard(run)
            self._changed.notify_all()

    def emit(self, pipeline_id: UUID, write: Callable[[PsrpSession], None], *, last: bool = False) -> None:
        with self._changed:
            if self._closed or not self._session.knows(pipeline_id):
                return
            write(self._session)
            self._flush()
            if last:
                for queue in self._queues.values():
                    queue.done = queue.done or queue.pipeline_id == pipeline_id
            self._changed.notify_all()

    # All below is called with the lock held.

    def _may_run(self, run: PipelineRun) -> bool:
        return run.nested or (self._waiting[0] is run and len(self._running) < self._session.max_runspaces)

    def _check_open(self) -> None:
        if self._closed:
            raise Fault.shell_unknown()
        self._used_s = self._clock.monotonic_s()

    def _check_connected(self) -> None:
        self._check_open()
        if not self._connected:
            raise Fault.aborted()

    def _queue(self, command_id: str) -> _Queue:
        queue = self._queues.get(command_id)
        if queue is None:
            raise Fault.command_unknown()
        return queue

    def _take_in(self, payload: bytes, queue: _Queue | None = None) -> None:
        """Hand PSRP data to the session; start the pipelines that are complete now."""
        try:
            asked = self._session.receive(payload)
        except Undecodable as error:
            if queue is None or queue.pipeline_id is None:
                raise Fault.malformed(f"The PSRP data cannot be read: {error}.") from error
            pipeline_id, record = queue.pipeline_id, lab_fault(f"the command cannot be read: {error}")
            return self.emit(pipeline_id, lambda session: session.fail(pipeline_id, record), last=True)
        self._flush()
        for pipeline in asked:
            self._start(pipeline)

    def _start(self, asked: Asked) -> None:
        run = PipelineRun(self, asked, host=self._host, caller=self.owner)
        for queue in self._queues.values():
            if queue.pipeline_id == asked.pipeline_id:
                queue.run = run
        self._waiting.append(run)
        run.start()

    def _flush(self) -> None:
        """Sort what the session wrote into the queues; what nobody can fetch any more is dropped."""
        by_pipeline = {queue.pipeline_id: queue for queue in self._queues.values()}
        for message in self._session.drain():
            queue = by_pipeline.get(message.pipeline_id)
            if queue is not None:
                queue.fragments.extend((_APART, *message.fragments) if message.apart else message.fragments)

    def _wait(self, request: Request, token: object, deadline_s: float) -> _Queue:
        while True:
            if self._closed:
                raise Fault.shell_unknown()
            queue = self._queue(request.command_id)
            if queue.told:  # completed and read to its end; only Terminate is left
                raise Fault.command_unknown()
            if queue.newest is not token:
                raise Fault.aborted()
            if queue.fragments or queue.done:
                return queue
            remaining_s = deadline_s - time.monotonic()
            if remaining_s <= 0:
                raise Fault.timed_out()
            self._changed.wait(remaining_s)

    def _linger(self, queue: _Queue, room: int, token: object) -> None:
        def settled() -> bool:
            full = sum(stream_cost(fragment) for fragment in queue.fragments) >= room
            return queue.done or full or self._closed or queue.newest is not token

        if queue.pipeline_id is not None and not settled():
            self._changed.wait_for(settled, _LINGER_S)
            if queue.newest is not token:
                raise Fault.aborted()

    def _take(self, request: Request, queue: _Queue) -> bytes:
        room, taken = stream_room(request), list[bytes]()
        if queue.fragments and queue.fragments[0] is _APART:
            queue.fragments.popleft()
        while queue.fragments and (not taken or room >= stream_cost(queue.fragments[0])):
            if queue.fragments[0] is _APART:
                break
            taken.append(queue.fragments.popleft())
            room -= stream_cost(taken[-1])
        queue.told = queue.done and not queue.fragments
        return receive_response(request, taken, done=queue.told)
