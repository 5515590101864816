"""One set of attacks, inherited by the addresses of all three services."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from flex_outbound.models import Account, Interaction, Source, WebhookEvent
from flex_outbound.models.event import WebhookReceipt, WebhookRefusal
from flex_outbound.sandbox import defaults, signing
from flex_outbound.webhooks import receipts
from flex_outbound.webhooks.read import FORM

from . import events
from .address import TOKEN, send, sign, stamp
from .bodies import BodySecurity
from .conftest import PUBLIC, MakeRow
from .events import NAME, TEXT, Params


def change_account(**values: Any) -> None:
    """Change the account as a manager does, by saving it."""
    account = Account.objects.get()
    for name, value in values.items():
        setattr(account, name, value)
    account.save()


class CallbackSecurity(BodySecurity):
    """What every address has to withstand."""

    def test_what_twilio_signed_is_stored_and_answered_204(self, row: Interaction, post: Any) -> None:
        assert post(self.event(row)).status_code == 204
        event = WebhookEvent.objects.get()
        assert (event.source, event.event_type) == (self.source, self.event(row)["EventType"])

    def test_the_address_may_have_a_query_and_a_fragment_is_not_signed(self, row: Interaction, post: Any) -> None:
        # Registered as …/?from=flex#rc=3&rp=all: Twilio signs and sends what stands before the fragment.
        assert post(self.event(row), query="?from=flex").status_code == 204

    def test_the_answer_costs_few_queries(self, row: Interaction, post: Any) -> None:
        receipts.pauses.is_due(row.account_id, self.source)  # noted a moment ago
        # The first one of a conversation costs more.
        assert post(self.event(row, MessageSid=f"IM{'f' * 32}", Index="2")).status_code == 204
        with CaptureQueriesContext(connection) as queries:
            assert post(self.event(row)).status_code == 204
        # Savepoints are there only because the test has a transaction open.
        statements = [one["sql"] for one in queries if "SAVEPOINT" not in one["sql"]]
        assert len(statements) <= 4, statements

    def test_nothing_that_names_or_quotes_anybody_is_kept(self, row: Interaction, post: Any) -> None:
        assert post(self.event(row, Author=row.address, Body=TEXT, FriendlyName=NAME)).status_code == 204
        kept = str(WebhookEvent.objects.values_list("payload", flat=True).get())
        assert not any(secret in kept for secret in (NAME, TEXT, row.address, "crm.example.com"))

    @pytest.mark.parametrize(
        ("key", "secret", "algorithm", "code"),
        [
            ("webhooks_sharedkey_new", "new secret", "HMAC_SHA256", ""),
            ("webhooks_sharedkey_old", "old secret", "HMAC_SHA256", ""),
            ("webhooks_sharedkey_old", "new secret", "HMAC_SHA256", "signature"),
            ("webhooks_sharedkey_other", "new secret", "HMAC_SHA256", "unknown_key"),
            ("webhooks_sharedkey_new", TOKEN, "HMAC_SHA256", "signature"),
            ("", TOKEN, "HMAC_SHA256", ""),
            ("webhooks_sharedkey_new", "new secret", "HMAC_SHA512", "signature"),
        ],
    )
    def test_a_shared_key_is_chosen_by_its_id(
        self, key: str, secret: str, algorithm: str, code: str, row: Interaction, path: str
    ) -> None:
        change_account(
            shared_key_id="webhooks_sharedkey_new",
            shared_key_secret="new secret",
            previous_shared_key_id="webhooks_sharedkey_old",
            previous_shared_key_secret="old secret",
        )
        form = self.event(row)
        headers = {
            "X-Twilio-Signature": signing.signature(secret, PUBLIC + path, form, "sha256"),
            "X-Twilio-Webhooks-Signature-Settings": f"key={key},algorithm={algorithm}",
        }
        answer = send(path, urlencode(form), FORM, headers)
        if code:
            assert self.refused(answer, code)
        else:
            assert answer.status_code == 204
            assert WebhookReceipt.objects.get().algorithm == "HMAC_SHA256"

    def test_the_auth_token_goes_on_signing_beside_a_shared_key(self, row: Interaction, post: Any) -> None:
        change_account(shared_key_id="webhooks_sharedkey_new", shared_key_secret="new secret")
        assert post(self.event(row)).status_code == 204
        assert WebhookReceipt.objects.get().algorithm == "HMAC_SHA1"

    @pytest.mark.parametrize("signature", ["", "Zm9yZ2Vk", "ü", "a b\tc", "RSOYDt4T1cUTdK1PDd93/VVr8B8="])
    def test_a_forged_one_is_refused(self, signature: str, row: Interaction, post: Any) -> None:
        assert self.refused(post(self.event(row), signature=signature), "signature" if signature else "no_signature")

    def test_a_missing_header_is_refused(self, row: Interaction, path: str) -> None:
        answer = send(path, urlencode(self.event(row)), FORM, {})
        assert self.refused(answer, "no_signature")

    def test_a_changed_field_is_refused(self, row: Interaction, path: str, post: Any) -> None:
        signature = sign(PUBLIC + path, self.event(row))
        assert self.refused(post(self.event(row, Extra="1"), signature=signature), "signature")

    def test_forwarded_headers_do_not_move_the_signed_address(self, row: Interaction, path: str, post: Any) -> None:
        elsewhere = sign(f"https://evil.example{path}", self.event(row))
        headers = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
        assert self.refused(post(self.event(row), signature=elsewhere, headers=headers), "signature")
        assert post(self.event(row), headers=headers).status_code == 204

    def test_a_signature_of_another_service_s_address_is_refused(
        self, row: Interaction, account: Account, post: Any
    ) -> None:
        neighbour = next(source for source in Source if source != self.source)
        url = f"{PUBLIC}/flex/webhooks/{account.pk}/{neighbour}/"
        assert self.refused(post(self.event(row), signature=sign(url, self.event(row))), "signature")

    def test_another_account_s_event_is_refused(self, row: Interaction, post: Any) -> None:
        assert self.refused(post(self.event(row, AccountSid=defaults.ACCOUNT2_SID)), "account")
        without = {name: value for name, value in self.event(row).items() if name != "AccountSid"}
        assert self.refused(post(without), "account")

    def test_another_workspace_s_event_is_refused(self, row: Interaction, post: Any) -> None:
        assert self.refused(post(self.event(row, WorkspaceSid=defaults.ACCOUNT2_WORKSPACE_SID)), "workspace")

    def test_the_token_of_another_account_does_not_sign(self, row: Interaction, path: str, post: Any) -> None:
        foreign = sign(PUBLIC + path, self.event(row), defaults.ACCOUNT2_AUTH_TOKEN)
        assert self.refused(post(self.event(row), signature=foreign), "signature")

    def test_an_event_of_the_account_beside_does_not_reach_this_one_s_rows(self, row: Interaction) -> None:
        beside = Account.objects.create(
            name="Beside",
            account_sid=defaults.ACCOUNT2_SID,
            auth_token=defaults.ACCOUNT2_AUTH_TOKEN,
            workspace_sid=defaults.ACCOUNT2_WORKSPACE_SID,
        )
        path = f"/flex/webhooks/{beside.pk}/{self.source}/"
        params = self.event(row, AccountSid=beside.account_sid)
        params |= {"WorkspaceSid": beside.workspace_sid} if "WorkspaceSid" in params else {}
        headers = {"X-Twilio-Signature": sign(PUBLIC + path, params, defaults.ACCOUNT2_AUTH_TOKEN)}
        assert send(path, urlencode(params), FORM, headers).status_code == 204
        assert not WebhookEvent.objects.exists()

    def test_two_tokens_are_good_while_one_is_rotated(self, row: Interaction, path: str, post: Any) -> None:
        change_account(auth_token="new", previous_auth_token=TOKEN)
        assert post(self.event(row)).status_code == 204
        fresh = self.event(row, Extra="1")
        assert post(fresh, signature=sign(PUBLIC + path, fresh, "new")).status_code == 204
        change_account(previous_auth_token="")
        assert post(self.event(row, Extra="2")).status_code == 403

    def test_an_account_without_a_token_takes_nothing(self, row: Interaction, path: str, post: Any) -> None:
        change_account(auth_token="", previous_auth_token="")
        assert self.refused(post(self.event(row), signature=sign(PUBLIC + path, self.event(row), "")), "no_auth_token")

    def test_without_a_public_address_nothing_is_taken(self, row: Interaction, post: Any, settings: Any) -> None:
        settings.FLEX_OUTBOUND = {}
        assert self.refused(post(self.event(row)), "no_public_base_url")

    def test_a_replay_is_one_event(self, row: Interaction, post: Any) -> None:
        assert [post(self.event(row)).status_code for _ in range(3)] == [204] * 3
        assert WebhookEvent.objects.count() == 1

    def test_fields_cut_anew_under_the_same_signature_are_no_second_event(
        self, row: Interaction, path: str, post: Any
    ) -> None:
        """Names and values are signed run together, so that AB=C and A=BC share a signature."""
        assert post(self.event(row, Zebra="1")).status_code == 204
        signature = sign(PUBLIC + path, self.event(row, Zebra="1"))
        assert post(self.event(row, Zebr="a1"), signature=signature).status_code == 204
        assert WebhookEvent.objects.count() == 1

    def test_an_old_one_is_refused_if_it_says_its_age(self, row: Interaction, post: Any, settings: Any) -> None:
        old = timezone.now() - timedelta(days=2)
        for name in self.dates:
            assert self.refused(post(self.event(row, **{name: stamp(name, old)})), "too_old")
        settings.FLEX_OUTBOUND = {"PUBLIC_BASE_URL": PUBLIC, "CALLBACK_MAX_AGE": None}
        for name in self.dates:
            assert post(self.event(row, **{name: stamp(name, old)})).status_code == 204

    def test_a_fresh_one_and_one_of_unreadable_age_are_taken(self, row: Interaction, post: Any) -> None:
        for name in self.dates:
            for text in (stamp(name, timezone.now()), "soon", "9" * 30, "-1"):
                assert post(self.event(row, **{name: text})).status_code == 204

    def test_other_methods_are_405(self, path: str) -> None:
        for method in ("get", "put", "patch", "delete", "head", "options"):
            assert getattr(Client(), method)(path).status_code == 405

    def test_unknown_and_inactive_accounts_are_404(self, path: str, post: Any, row: Interaction) -> None:
        for unknown in ("999", "9" * 30):
            assert Client().post(f"/flex/webhooks/{unknown}/{self.source}/").status_code == 404
        change_account(is_active=False)
        assert post(self.event(row)).status_code == 404


class TestTaskrouter(CallbackSecurity):
    source = Source.TASKROUTER
    dates = ("Timestamp", "TimestampMs")

    def event(self, row: Interaction, **changes: str) -> Params:
        return events.taskrouter(row, "task.updated", **changes)[1]


class TestConversations(CallbackSecurity):
    source = Source.CONVERSATIONS
    dates = ("DateCreated", "DateUpdated")

    def event(self, row: Interaction, **changes: str) -> Params:
        return events.customer_wrote(row, **changes)[1]


class TestInteractions(CallbackSecurity):
    source = Source.INTERACTIONS
    dates = ("Timestamp",)

    def event(self, row: Interaction, **changes: str) -> Params:
        return events.interactions(row, "onChannelStatusUpdated", ChannelStatus="active", **changes)[1]


def test_a_long_life_does_not_make_an_event_old(opened: MakeRow, account: Account) -> None:
    """A receipt's DateCreated is the receipt's own."""
    params = events.conversations(
        opened(), "onDeliveryUpdated", Status="read", DateCreated=stamp("", timezone.now() - timedelta(days=30))
    )[1]
    path = f"/flex/webhooks/{account.pk}/conversations/"
    headers = {"X-Twilio-Signature": sign(PUBLIC + path, params)}
    assert send(path, urlencode(params), FORM, headers).status_code == 204


def test_a_flood_of_refusals_costs_one_write(account: Account, django_assert_num_queries: Any) -> None:
    path = f"/flex/webhooks/{account.pk}/taskrouter/"
    client = Client()
    client.post(path)
    with django_assert_num_queries(0):
        for _ in range(50):
            client.post(path)
    refusal = WebhookRefusal.objects.get()
    assert (refusal.account, refusal.source, refusal.code, refusal.count) == (account, "taskrouter", "content_type", 1)


def test_refusals_that_were_not_written_are_counted_with_the_next(account: Account, monkeypatch: Any) -> None:
    path = f"/flex/webhooks/{account.pk}/taskrouter/"
    client = Client()
    for _ in range(5):
        client.post(path)
    monkeypatch.setattr("flex_outbound.webhooks.refusals.PAUSE", 0.0)
    client.post(path)
    assert WebhookRefusal.objects.get().count == 6
