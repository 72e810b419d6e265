"""The running engine of the delivery tests."""

from tests.delivery.conftest import engine

__all__ = ["engine"]
