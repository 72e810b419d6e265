"""A shortage of this machine is not a failure of the receiver. Over both senders."""

import errno
import resource

import pytest

from breakwater.core.domain.outcome import Response, TransportFailure
from breakwater.core.domain.states import FailureClass
from breakwater.core.domain.verdict import BreakerSignal, breaker_signal
from breakwater.core.egress.failures import connection_failed
from tests.egress.conftest import LINUX, Wire
from tests.egress.receivers import OK, Receiver, closed_port, respond


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.EMFILE, "file descriptors"), (errno.ENOMEM, "memory"), (errno.EADDRNOTAVAIL, "local ports")],
)
def test_a_local_shortage_steps_no_circuit_and_says_whose_it_is(number: int, words: str) -> None:
    failure = connection_failed(number, "127.0.0.1:80")
    assert failure.failure is FailureClass.INTERNAL_ERROR
    assert f"Breakwater has run out of {words}" in failure.detail
    assert breaker_signal(failure.failure) is BreakerSignal.NOTHING


@LINUX
async def test_without_file_descriptors_an_attempt_says_so(wire: Wire) -> None:
    port = closed_port()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with Receiver(respond(OK)) as receiver:
        # The first request builds the client, which needs descriptors of its own.
        assert isinstance(await wire.post(f"http://127.0.0.1:{receiver.port}/"), Response)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
        try:
            outcome = await wire.post(f"http://127.0.0.1:{port}/")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert isinstance(outcome, TransportFailure)
    assert outcome.failure is FailureClass.INTERNAL_ERROR
    assert "file descriptors" in outcome.detail
