"""Reduces Twilio's published OpenAPI files to what the sandbox checks requests against.

From the project's folder: ``TWILIO_OPENAPI_DIR=… python -m tests.contract.reduce_openapi`` writes
``flex_outbound/sandbox/openapi/rules.json``. CONTRIBUTING.md says where the files come from.
"""

import json
import re
from pathlib import Path

from flex_outbound.sandbox.openapi import table
from tests import services
from tests.contract.openapi import FILES, Json

ONLY = {
    "flex-api": r"/v1/(Configuration|Interactions|Instances)",
    "messaging": r"/v2/Channels/Senders",
    "api": r"/2010-04-01/Accounts/\{\w+\}(/IncomingPhoneNumbers(/\{\w+\})?)?\.json$",
    "accounts": r"/v1/Consents",
}
"""Of the other files everything is kept."""

KEPT = ("type", "format", "pattern", "enum", "minimum", "maximum", "nullable")
"""Lengths are left out: where there are any, the pattern has the same."""

METHODS = ("get", "post", "delete")
FORM = "application/x-www-form-urlencoded"


class Reduction:
    """The table under construction. Equal rules are kept once and named by their number."""

    def __init__(self) -> None:
        self.rules: list[Json] = []

    def operation(self, item: Json, about: Json, document: Json) -> Json:
        """Return the rules of one operation by the place of their parameters."""
        places: Json = {}
        for one in (*item.get("parameters", ()), *about.get("parameters", ())):
            if one["in"] in ("path", "query"):
                rule = self._number(one["schema"], bool(one.get("required")) and one["in"] == "query", document)
                places.setdefault(one["in"], {})[one["name"]] = rule
        form = about.get("requestBody", {}).get("content", {}).get(FORM, {}).get("schema", {})
        for name, schema in form.get("properties", {}).items():
            required = name in form.get("required", ())
            places.setdefault("form", {})[name] = self._number(schema, required, document)
        return places

    def _number(self, schema: Json, required: bool, document: Json) -> int:
        rule = reduced(schema, document) | ({"required": True} if required else {})
        if rule not in self.rules:
            self.rules.append(rule)
        return self.rules.index(rule)


def reduced(schema: Json, document: Json) -> Json:
    """Return what a schema says about a value that stands in an address or a form."""
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    rule = {name: schema[name] for name in KEPT if name in schema}
    return rule | ({"items": reduced(schema["items"], document)} if "items" in schema else {})


def reduce(folder: Path) -> str:
    """Return the text of ``rules.json`` for the OpenAPI files in ``folder``."""
    made = Reduction()
    products: Json = {}
    for product, names in FILES.items():
        paths: Json = {}
        for name in names:
            document = json.loads((folder / name).read_text(encoding="utf-8"))
            for path, item in document["paths"].items():
                if re.match(ONLY.get(product, ""), path):
                    paths[path] = {
                        method.upper(): made.operation(item, item[method], document)
                        for method in METHODS
                        if method in item
                    }
        products[product] = paths
    return _text(made.rules, products)


def _text(rules: list[Json], products: Json) -> str:
    """Write one line for each rule and path, so that a new version can be compared with the one before."""
    lines = ['{"rules": [']
    lines += [json.dumps(rule) + ("," if at < len(rules) else "") for at, rule in enumerate(rules, 1)]
    lines += ["],", '"products": {']
    for at, (product, paths) in enumerate(products.items(), 1):
        lines.append(f"{json.dumps(product)}: {{")
        lines += [
            f"{json.dumps(path)}: {json.dumps(methods)}" + ("," if n < len(paths) else "")
            for n, (path, methods) in enumerate(paths.items(), 1)
        ]
        lines.append("}" + ("," if at < len(products) else ""))
    return "\n".join([*lines, "}}", ""])


def main() -> None:
    """Write the table."""
    table.FILE.write_text(reduce(services.openapi_folder()), encoding="utf-8")


if __name__ == "__main__":
    main()
