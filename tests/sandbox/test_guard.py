"""Web pages of other sites, which must not reach the desk or the control API through somebody's browser."""

from __future__ import annotations

import httpx
import pytest

from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.server import SandboxServer


def ask(server: SandboxServer, path: str = "/_sandbox/state", method: str = "GET", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value.format(port=server.port) for name, value in headers.items()}
    return httpx.request(method, f"{server.url}{path}", headers=named)


@pytest.mark.parametrize("path", ["/_sandbox/state", "/_sandbox/reset", "/_sandbox/nothing", "/", "/_desk/desk.js"])
@pytest.mark.parametrize(
    "host",
    ["evil.example:{port}", "evil.example", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil", "[::2]", "%"],
)
def test_a_name_that_somebody_else_gave_this_machine_is_refused(server: SandboxServer, host: str, path: str) -> None:
    answer = ask(server, path, Host=host)

    assert answer.status_code == 403
    assert "--allow-host" in answer.json()["error"]
    assert defaults.ACCOUNT_SID not in answer.text


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "https://evil.example:{port}",
        "null",
        "http://127.0.0.1:8000",
        "http://localhost:{port}",
        "http://[",
        "file://",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_page_of_another_site_is_refused_and_changes_nothing(server: SandboxServer, origin: str, method: str) -> None:
    path = "/_sandbox/state" if method == "GET" else f"/_sandbox/accounts/{defaults.ACCOUNT_SID}"

    answer = ask(server, path, method, Origin=origin, Content_Type="text/plain")

    assert answer.status_code == 403
    assert "Origin" in answer.json()["error"]


@pytest.mark.parametrize(
    "host", ["127.0.0.1:{port}", "127.0.0.1", "127.1.2.3", "localhost:{port}", "LOCALHOST", "flex.localhost", "[::1]:1"]
)
def test_this_machine_may_be_asked_by_its_own_names(server: SandboxServer, host: str) -> None:
    assert ask(server, Host=host).status_code == 200
    assert ask(server, "/", Host=host).status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "[::1]:{port}"])
def test_the_desks_own_page_may_act(server: SandboxServer, host: str) -> None:
    headers = {"Host": host, "Origin": f"http://{host}", "Sec_Fetch_Site": "same-origin"}

    assert ask(server, "/_sandbox/reset", "POST", **headers).status_code == 200


def test_another_site_may_link_to_the_desk(server: SandboxServer) -> None:
    assert ask(server, "/", Sec_Fetch_Site="cross-site").status_code == 200


def test_who_listens_on_every_address_is_asked_by_any_but_not_by_any_name() -> None:
    with SandboxServer(host="0.0.0.0") as server:
        server.host = "127.0.0.1"
        assert ask(server, Host="192.0.2.7:{port}").status_code == 200
        assert ask(server, Host="evil.example").status_code == 403


def test_the_bound_name_and_added_names_are_known() -> None:
    with SandboxServer(host="localhost", allowed_hosts=["Sandbox", "flex.example"]) as server:
        for host in ("localhost", "sandbox:8765", "FLEX.example."):
            assert ask(server, Host=host).status_code == 200
        assert ask(server, Host="other.example").status_code == 403


def test_twilios_clients_are_asked_for_credentials_and_not_for_names(server: SandboxServer) -> None:
    auth = (defaults.ACCOUNT_SID, defaults.AUTH_TOKEN)
    for host, path in (("crm.example", "/taskrouter/v1/Workspaces"), ("taskrouter.twilio.com", "/v1/Workspaces")):
        assert httpx.get(f"{server.url}{path}", headers={"Host": host}, auth=auth).status_code == 200
