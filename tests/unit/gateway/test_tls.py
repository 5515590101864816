"""Certificates: whose are trusted, and what an untrusted one means."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from flex_outbound.exceptions import NotAccepted
from flex_outbound.gateway.client import TwilioGateway

from .conftest import Reply, Wire, connection_to, failure, serving


def certificate(folder: Path, address: str) -> Path:
    """Write a new self-signed certificate for an IP address, together with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Twilio's stand-in")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "certificate.pem"
    path.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.fixture(autouse=True)
def no_certificates_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(params=["127.0.0.1"])
def trusted(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return certificate(tmp_path, request.param)


@pytest.fixture
def secure(trusted: Path) -> Iterator[Wire]:
    """A server with TLS."""
    server = Wire()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.url = server.url.replace("http:", "https:")
    with serving(server):
        yield server


def test_a_certificate_that_nobody_trusts_was_never_sent_to_and_needs_an_admin(secure: Wire) -> None:
    error = failure(TwilioGateway(connection_to(secure.url)))
    assert isinstance(error, NotAccepted)
    assert (error.reason, secure.requests) == ("not_set_up", [])


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_certificates_of_the_environment_are_trusted(
    secure: Wire, trusted: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(trusted))
    secure.replies = [Reply(200, {"friendly_name": "Flex"})] * 2
    gateway = TwilioGateway(connection_to(secure.url))
    assert [gateway.fetch_workspace() for _ in range(2)] == ["Flex", "Flex"]
    assert secure.connections == 1
    gateway.close()


@pytest.mark.parametrize("trusted", ["127.0.0.2"], indirect=True)
def test_a_certificate_of_another_server_is_not_trusted(
    secure: Wire, trusted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(trusted))
    error = failure(TwilioGateway(connection_to(secure.url)))
    assert isinstance(error, NotAccepted)
    assert (error.reason, secure.requests) == ("not_set_up", [])
