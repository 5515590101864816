"""Attacks by what is sent: JSON in place of a form, names twice, too much of everything, nonsense."""

import hashlib
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.http import QueryDict
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flex_outbound.models import Interaction, WebhookEvent
from flex_outbound.webhooks.read import FORM, JSON, MAX_BODY, MAX_FIELDS

from .address import Address, send, sign
from .conftest import PUBLIC
from .events import Params

FUZZ = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


class BodySecurity(Address):
    """Bodies that every address has to withstand."""

    def test_json_is_taken_with_the_hash_of_its_bytes(self, row: Interaction, path: str) -> None:
        body = json.dumps(self.event(row)).encode()
        assert self._post_json(path, body, body).status_code == 204
        assert WebhookEvent.objects.count() == 1

    def test_json_under_the_signature_of_an_empty_form_is_refused(self, row: Interaction, path: str) -> None:
        body = json.dumps(self.event(row)).encode()
        headers = {"X-Twilio-Signature": sign(PUBLIC + path, {})}
        assert self.refused(send(path, body, JSON, headers), "signature")

    def test_json_other_than_was_hashed_is_refused(self, row: Interaction, path: str) -> None:
        body = json.dumps(self.event(row)).encode()
        assert self.refused(self._post_json(path, body.replace(b":", b": "), body), "signature")

    def test_two_hashes_are_refused(self, row: Interaction, path: str) -> None:
        body = json.dumps(self.event(row)).encode()
        twice = f"&bodySHA256={hashlib.sha256(b'{}').hexdigest()}"
        assert self.refused(self._post_json(path, body, body, twice), "signature")

    def test_the_signature_of_json_does_not_fit_a_form(self, row: Interaction, path: str, post: Any) -> None:
        query = f"?bodySHA256={hashlib.sha256(b'{}').hexdigest()}"
        empty = sign(PUBLIC + path + query, {})
        assert self.refused(post({}, query=query, signature=empty), "signature")
        assert self.refused(post(self.event(row), query=query), "signature")

    @pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"a": 1, "a": 2}', b"\xff", b"[" * 100_000])
    def test_json_that_makes_no_sense_is_refused(self, body: bytes, path: str) -> None:
        answer = self._post_json(path, body, body)
        assert self.refused(answer, "duplicate" if b'"a"' in body else "malformed")

    @pytest.mark.parametrize("kind", ["", "text/plain", "multipart/form-data; boundary=x", f"{JSON}, {FORM}"])
    def test_any_other_kind_of_body_is_refused(self, kind: str, row: Interaction, path: str) -> None:
        headers = {"X-Twilio-Signature": sign(PUBLIC + path, {})}
        answer = Client().post(path, urlencode(self.event(row)), content_type=kind, headers=headers)
        assert self.refused(answer, "content_type")

    @pytest.mark.parametrize("name", ["AccountSid", "EventType"])
    def test_a_name_that_comes_twice_is_refused(self, name: str, row: Interaction, path: str) -> None:
        """Even under the signature that Twilio's own helper would make of both values."""
        body = urlencode({**self.event(row), name: [self.event(row)[name], "other"]}, doseq=True)
        headers = {"X-Twilio-Signature": sign(PUBLIC + path, QueryDict(body))}
        assert self.refused(send(path, body, FORM, headers), "duplicate")

    def test_what_twilio_repeats_is_taken(self, row: Interaction, path: str) -> None:
        """As by Twilio's validator: all values are signed, and of equal ones of a name one."""
        more = {"AccountSid": [self.event(row)["AccountSid"]] * 2, "Extra": ["b", "a", "b", ""]}
        body = urlencode({**self.event(row), **more}, doseq=True)
        headers = {"X-Twilio-Signature": sign(PUBLIC + path, QueryDict(body))}
        assert self.refused(send(path, body.replace("Extra=a", "Extra=c"), FORM, headers), "signature")
        assert send(path, body, FORM, headers).status_code == 204
        assert WebhookEvent.objects.count() == 1

    def test_too_many_fields_are_refused(self, row: Interaction, post: Any) -> None:
        many = {f"Field{number}": "" for number in range(MAX_FIELDS)}
        assert self.refused(post(self.event(row, **many)), "malformed")

    def test_an_oversized_body_is_refused(self, row: Interaction, post: Any) -> None:
        assert self.refused(post(self.event(row, Body="x" * MAX_BODY)), "too_large", 413)

    def test_a_body_beyond_django_s_own_limit_is_refused(self, row: Interaction, post: Any, settings: Any) -> None:
        settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
        assert self.refused(post(self.event(row)), "too_large", 413)

    @FUZZ
    @given(
        body=st.binary(max_size=300) | st.text(max_size=100).map(str.encode),
        kind=st.sampled_from([FORM, JSON, f"{FORM}; charset=utf-16", f"{JSON}; charset=latin-1"]),
        query=st.sampled_from(["", "?", "?bodySHA256=", "?bodySHA256=%00&a", "?%ff=%fe"]),
        signature=st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=40),
    )
    def test_no_body_makes_a_server_error(
        self, body: bytes, kind: str, query: str, signature: str, path: str, row: Interaction
    ) -> None:
        headers = {"X-Twilio-Signature": signature}
        assert send(path + query, body, kind, headers).status_code == 403

    @FUZZ
    @given(fields=st.dictionaries(st.text(max_size=12), st.text(max_size=60), max_size=6))
    def test_no_signed_field_makes_a_server_error(self, fields: Params, row: Interaction, path: str, post: Any) -> None:
        """Even Twilio's own signature, over whatever a customer may bring into a field."""
        fields = {name: value.encode(errors="replace").decode() for name, value in fields.items()}
        known = self.event(row)
        mangled = {name: known[name] + (fields.get(name[:1]) or "") for name in known if name != "AccountSid"}
        params = {**fields, **mangled, "AccountSid": known["AccountSid"], "Author": str(fields), "ErrorCode": "x"}
        assert post(params).status_code in (204, 403)

    def _post_json(self, path: str, body: bytes, hashed: bytes, more: str = "") -> Any:
        query = f"?bodySHA256={hashlib.sha256(hashed).hexdigest()}{more}"
        headers = {"X-Twilio-Signature": sign(PUBLIC + path + query, {})}
        return send(path + query, body, JSON, headers)
