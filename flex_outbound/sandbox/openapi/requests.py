"""Checks a request against Twilio's rules before a handler sees it.

What no rule is known for is left to the handlers, as are JSON texts.
"""

from __future__ import annotations

from collections.abc import Mapping

from flex_outbound.sandbox.errors import bad_request, missing, not_found
from flex_outbound.sandbox.openapi.documented import CHECKS
from flex_outbound.sandbox.openapi.table import Operation, Rule, find
from flex_outbound.sandbox.openapi.values import problem
from flex_outbound.sandbox.wire import MAX_PAGE_SIZE, Call, Form

CODES = {"flex-api": 45004}
"""The code for a value in a form; 20001 for the products that are not here."""


def check(call: Call, template: str) -> None:
    """Hold ``call`` to the rules of its method and the path ``template``, and note its largest page.

    Raises ``TwilioError``: 20404 for a SID of the wrong shape in the path, 20001 for what is missing or not
    allowed, and 45004 for what is not allowed in a form of Flex.
    """
    operation = find(call.product, "GET" if call.method == "HEAD" else call.method, template)
    if operation is None:
        return
    _check_path(call, operation)
    _check_values(call, call.query, operation.query, 20001)
    _check_values(call, call.form, operation.form, CODES.get(call.product, 20001))
    size = operation.query.get("PageSize", Rule()).maximum
    call.max_page_size = size or MAX_PAGE_SIZE


def _check_path(call: Call, operation: Operation) -> None:
    for rule, value in zip(operation.path, call.params.values(), strict=True):
        if rule.pattern is not None and not rule.pattern.fullmatch(value):
            raise not_found(call.path)


def _check_values(call: Call, given: Form, rules: Mapping[str, Rule], code: int) -> None:
    for name, rule in rules.items():
        if rule.required and not given.get(name):
            raise missing(name)
    for name, text in given.pairs:
        # An empty value is how forms clear a field, and how they leave one out.
        if not text or name not in rules:
            continue
        documented = CHECKS.get((call.product, name))
        wrong = problem(rules[name], text) or (documented(text) if documented else "")
        if wrong:
            raise bad_request(code, f"Invalid {name}: {wrong}")
