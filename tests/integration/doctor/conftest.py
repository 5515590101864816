"""The doctor's checks against a real sandbox, a real database and real addresses."""

from tests.integration.pipeline.conftest import Sandbox, sandbox, sandbox_server

__all__ = ["Sandbox", "sandbox", "sandbox_server"]
