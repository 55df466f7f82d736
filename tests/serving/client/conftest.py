"""A client of each stub."""

from types import SimpleNamespace

import pytest
from stub_servers import SERVERS, Backend

import ganzoo
from ganzoo.serving.client import retries


@pytest.fixture
def backend():
    return Backend()


@pytest.fixture(params=SERVERS)
def kind(request):
    return request.param


@pytest.fixture
def address(kind, backend):
    with SERVERS[kind](backend) as address:
        yield address


@pytest.fixture
def connect(address):
    made = []

    def client(model="digits", **arguments):
        made.append(ganzoo.Client(address, model, **arguments))
        return made[-1]

    yield client
    for each in made:
        each.close()


@pytest.fixture
def clock(monkeypatch):
    """A clock that nobody waits for: `slept` are the waits, which are drawn at their longest."""

    def sleep(seconds):
        fake.slept.append(seconds)
        fake.now += seconds

    fake = SimpleNamespace(now=1000.0, slept=[], sleep=sleep, monotonic=lambda: fake.now)
    monkeypatch.setattr(retries, "time", fake)
    monkeypatch.setattr(retries.random, "uniform", lambda low, high: high)
    return fake
