"""Twilio's published OpenAPI files, read so that requests and answers can be held against them."""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

FILES = {
    "flex-api": ("twilio_flex_v1.json",),
    "taskrouter": ("twilio_taskrouter_v1.json",),
    "conversations": ("twilio_conversations_v1.json",),
    "content": ("twilio_content_v1.json", "twilio_content_v2.json"),
    "messaging": ("twilio_messaging_v2.json",),
    "api": ("twilio_api_v2010.json",),
    "accounts": ("twilio_accounts_v1.json",),
}
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path, with the file that it stands in."""

    product: str
    path: str
    method: str
    about: Json
    parameters: tuple[Json, ...]
    document: Json

    @property
    def pattern(self) -> re.Pattern[str]:
        """The path as it may be asked for, each parameter held to its own pattern."""
        given = {one["name"]: one for one in self.parameters if one["in"] == "path"}
        parts = re.split(r"\{(\w+)\}", self.path)
        names = parts[1::2]
        texts = [re.escape(part) for part in parts[::2]]
        groups = [_path_group(given[name]["schema"]) for name in names]
        return re.compile("".join(text + group for text, group in zip(texts, [*groups, ""], strict=True)) + r"\Z")

    @property
    def query(self) -> dict[str, Json]:
        """The query parameters by name."""
        return {one["name"]: one for one in self.parameters if one["in"] == "query"}

    @property
    def form(self) -> Json:
        """The schema of the form, an empty one where there is none."""
        content = self.about.get("requestBody", {}).get("content", {})
        return dict(content.get("application/x-www-form-urlencoded", {}).get("schema", {}))

    def validator(self) -> Draft202012Validator:
        """Return what checks a successful answer. An operation that answers with nothing has none: KeyError."""
        schemas = [
            answer["content"]["application/json"]["schema"]
            for status, answer in self.about["responses"].items()
            if status.startswith("2") and "content" in answer
        ]
        if not schemas:
            raise KeyError(f"{self.method} {self.path} answers with nothing")
        return Draft202012Validator({**whole(schemas[0]), "components": whole(self.document["components"])})


def _path_group(schema: Json) -> str:
    if "pattern" in schema:
        return "(?:" + schema["pattern"].removeprefix("^").removesuffix("$") + ")"
    return "[^/]+"


def modern(schema: Any) -> Any:
    """Return a schema of OpenAPI 3.0 as JSON Schema: ``nullable`` becomes the type null.

    Formats are left out: what Twilio calls a date-time or a map of URIs is for people to read.
    """
    if isinstance(schema, list):
        return [modern(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: modern(value) for name, value in schema.items() if name not in ("nullable", "format", "example")}
    if schema.get("nullable") is not True:
        return made
    if "$ref" in made or "allOf" in made:
        return {"anyOf": [made, {"type": "null"}]}
    if isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
    if isinstance(made.get("enum"), list):
        made["enum"] = [*made["enum"], None]
    return made


def whole(schema: Any) -> Any:
    """Return a schema as ``modern`` does, for an answer: every published field is in it, and no other."""
    if isinstance(schema, list):
        return [whole(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {name: whole(value) for name, value in modern(schema).items()}
    fields = made.get("properties")
    # A field may itself be called "properties"; then what stands there is a schema and not a map of schemas.
    if made.get("type") in ("object", ["object", "null"]) and isinstance(fields, dict):
        made |= {"required": sorted(fields), "additionalProperties": False}
    return made


class Contract:
    """All operations of the products that we use."""

    def __init__(self, folder: Path) -> None:
        self.operations = [
            one for product, names in FILES.items() for name in names for one in _operations(product, folder / name)
        ]

    def find(self, product: str, method: str, path: str) -> Operation | None:
        """Return the operation that a request is; of several the one with the fewest parameters in its path."""
        fitting = [
            one
            for one in self.operations
            if (one.product, one.method) == (product, method) and one.pattern.match(unquote(path))
        ]
        return min(fitting, key=lambda one: one.path.count("{"), default=None)

    def answer_errors(self, product: str, method: str, path: str, body: Any) -> list[str]:
        """Return what is wrong with a successful answer."""
        operation = self.find(product, method, path)
        if operation is None:
            return [f"{method} {product}{path} is no operation"]
        return [_words(error) for error in operation.validator().iter_errors(body)]

    def links(self, product: str, method: str, path: str) -> set[str]:
        """Return the names of the links in Twilio's example of an answer, of a list's first item; none: empty."""
        operation = self.find(product, method, path)
        answers = operation.about["responses"].values() if operation else ()
        bodies = [body for answer in answers for body in answer.get("content", {}).values()]
        examples = [one.get("value") for body in bodies for one in body.get("examples", {}).values()]
        return {name for example in examples for name in first_links(example)}

    def request_errors(self, request: Json) -> list[str]:
        """Return what is wrong with a request as the sandbox recorded it."""
        product, method, path = request["product"], request["method"], request["path"]
        operation = self.find(product, method, path)
        if operation is None:
            return [f"{method} {product}{path} is no operation"]
        return [f"{method} {operation.path}: {words}" for words in _request_errors(operation, request)]


def first_links(answer: Any) -> set[str]:
    """Return the names of the links of an answer, or of the first item of a list of resources."""
    if not isinstance(answer, dict):
        return set()
    lists = [value for value in answer.values() if isinstance(value, list) and value and "meta" in answer]
    return set((lists[0][0] if lists else answer).get("links") or {})


@cache
def contract(folder: Path) -> Contract:
    """Return the contract in a folder, read once."""
    return Contract(folder)


def _operations(product: str, file: Path) -> list[Operation]:
    document = json.loads(file.read_text(encoding="utf-8"))
    return [
        Operation(
            product,
            path,
            method.upper(),
            about,
            (*item.get("parameters", ()), *about.get("parameters", ())),
            document,
        )
        for path, item in document["paths"].items()
        for method, about in item.items()
        if method in ("get", "post", "delete")
    ]


def _words(error: ValidationError) -> str:
    return f"{'/'.join(map(str, error.absolute_path)) or 'the answer'}: {error.message[:200]}"


def _request_errors(operation: Operation, request: Json) -> list[str]:
    form = operation.form
    properties = form.get("properties", {})
    sent = dict(request["form"])
    found = [f"{name} is missing" for name in form.get("required", ()) if not sent.get(name)]
    found += [f"{name} is no field" for name in sent if name not in properties]
    found += [f"{name} is no parameter" for name, _value in request["query"] if name not in operation.query]
    for name, value in [*sent.items(), *request["query"]]:
        schema = properties.get(name) or operation.query.get(name, {}).get("schema") or {}
        found += [f"{name}: {words}" for words in _value_errors(schema, value)]
    return found


def _value_errors(schema: Json, value: str) -> list[str]:
    """Return what is wrong with one field as it stands in a form: text, whatever its type."""
    kind = schema.get("type")
    if kind in ("integer", "number"):
        bounds = {name: schema[name] for name in ("minimum", "maximum") if name in schema}
        if not re.fullmatch(r"-?\d+", value):
            return [f"{value!r} is no number"]
        return [error.message for error in Draft202012Validator(bounds).iter_errors(int(value))]
    if kind == "boolean":
        return [] if value in ("true", "false") else [f"{value!r} is no boolean"]
    if kind == "string":
        return [error.message[:200] for error in Draft202012Validator(modern(schema)).iter_errors(value)]
    return []
