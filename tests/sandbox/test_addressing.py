"""How requests find their product and their account."""

from __future__ import annotations

import httpx
import pytest
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

from flex_outbound.sandbox import defaults
from flex_outbound.sandbox.server import SandboxServer

from .conftest import Control, Rewriting

WORKSPACE = f"/v1/Workspaces/{defaults.WORKSPACE_SID}"
MINE = (defaults.ACCOUNT_SID, defaults.AUTH_TOKEN)


def test_the_first_segment_of_the_path_names_the_product(raw: httpx.Client) -> None:
    assert raw.get(f"/taskrouter{WORKSPACE}").json()["sid"] == defaults.WORKSPACE_SID


@pytest.mark.parametrize("host", ["taskrouter.twilio.com", "taskrouter.dublin.ie1.twilio.com:443"])
def test_the_host_header_names_the_product_too(raw: httpx.Client, host: str) -> None:
    assert raw.get(WORKSPACE, headers={"Host": host}).json()["sid"] == defaults.WORKSPACE_SID


def test_a_host_of_another_product_is_not_mistaken_for_one(raw: httpx.Client) -> None:
    assert raw.get(WORKSPACE, headers={"Host": "video.twilio.com"}).status_code == 404


def test_addresses_in_replies_are_those_of_twilio(raw: httpx.Client) -> None:
    body = raw.get(f"/taskrouter{WORKSPACE}").json()
    assert body["url"] == f"https://taskrouter.twilio.com{WORKSPACE}"
    assert body["links"]["tasks"] == f"https://taskrouter.twilio.com{WORKSPACE}/Tasks"


@pytest.mark.parametrize("auth", [MINE, (defaults.API_KEY_SID, defaults.API_KEY_SECRET)])
def test_account_and_api_key_both_open_the_account(server: SandboxServer, auth: tuple[str, str]) -> None:
    assert httpx.get(f"{server.url}/taskrouter{WORKSPACE}", auth=auth).status_code == 200


@pytest.mark.parametrize(
    "auth",
    [
        None,
        (defaults.ACCOUNT_SID, "wrong"),
        (defaults.API_KEY_SID, defaults.AUTH_TOKEN),
        (defaults.ACCOUNT2_SID, defaults.AUTH_TOKEN),
        ("", ""),
    ],
)
def test_wrong_credentials_are_20003(server: SandboxServer, auth: tuple[str, str] | None) -> None:
    answer = httpx.get(f"{server.url}/taskrouter{WORKSPACE}", auth=auth)
    assert answer.status_code == 401
    assert answer.json() == {
        "code": 20003,
        "message": "Authenticate",
        "more_info": "https://www.twilio.com/docs/errors/20003",
        "status": 401,
    }


def test_an_authorization_header_that_is_no_base64_is_20003(server: SandboxServer) -> None:
    answer = httpx.get(f"{server.url}/taskrouter{WORKSPACE}", headers={"Authorization": "Basic %%%"})
    assert answer.json()["code"] == 20003


def test_a_suspended_account_is_20003_until_it_is_let_in_again(raw: httpx.Client, control: Control) -> None:
    control.post(f"/accounts/{defaults.ACCOUNT_SID}", {"suspended": True})
    assert raw.get(f"/taskrouter{WORKSPACE}").status_code == 401
    control.post(f"/accounts/{defaults.ACCOUNT_SID}", {"suspended": False})
    assert raw.get(f"/taskrouter{WORKSPACE}").status_code == 200


def test_another_accounts_workspace_is_unknown(client: Client) -> None:
    with pytest.raises(TwilioRestException) as refusal:
        client.taskrouter.v1.workspaces(defaults.ACCOUNT2_WORKSPACE_SID).fetch()
    assert (refusal.value.status, refusal.value.code) == (404, 20404)


def test_the_second_account_sees_its_own(server: SandboxServer) -> None:
    http = Rewriting(server.url)
    second = Client(defaults.ACCOUNT2_SID, defaults.ACCOUNT2_AUTH_TOKEN, http_client=http)
    assert [one.sid for one in second.taskrouter.v1.workspaces.list()] == [defaults.ACCOUNT2_WORKSPACE_SID]
    http.session.close()


def test_an_unknown_path_is_20404_and_names_the_path(raw: httpx.Client) -> None:
    body = raw.get("/flex-api/v1/Nothing").json()
    assert body["code"] == 20404
    assert "/v1/Nothing" in body["message"]


@pytest.mark.parametrize("host", ["", "flex-api.twilio.com"])
@pytest.mark.parametrize("path", ["/v1/Configuration/", "/v1/Interactions/", "//v1/Configuration", "/"])
def test_an_extra_slash_is_20404_and_leads_nowhere_else(raw: httpx.Client, path: str, host: str) -> None:
    answer = raw.get(path if host else f"/flex-api{path}", headers={"Host": host} if host else {})
    assert (answer.status_code, answer.json()["code"]) == (404, 20404)
    assert "Location" not in answer.headers


@pytest.mark.parametrize(("method", "path"), [("GET", "Interactions"), ("DELETE", "Configuration")])
def test_a_method_that_is_not_taken_is_20004(raw: httpx.Client, method: str, path: str) -> None:
    answer = raw.request(method, f"/flex-api/v1/{path}")
    assert (answer.status_code, answer.json()["code"]) == (405, 20004)


def test_head_is_answered_like_get_without_a_body(raw: httpx.Client) -> None:
    answer = raw.head(f"/taskrouter{WORKSPACE}")
    assert (answer.status_code, answer.content) == (200, b"")


def test_every_request_is_on_record_with_its_form(raw: httpx.Client, control: Control) -> None:
    raw.post("/flex-api/v1/Interactions", data={"Channel": "nonsense"})
    record = control.get("/requests?last=1")["requests"][0]
    assert record["path"] == "/v1/Interactions"
    assert record["form"] == [["Channel", "nonsense"]]
    assert (record["status"], record["user"]) == (400, defaults.ACCOUNT_SID)
    assert control.get("/state")["counters"] == {"POST flex-api/v1/Interactions": 1}
