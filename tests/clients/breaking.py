"""Compares two OpenAPI documents of the API, and asks that each change that breaks clients stands in the changelog.

    breaking.py OLD NEW CHANGELOG

A change breaks clients if it takes an operation, a parameter, a status of success, a field or a name of an enumeration away, if a field of
an answer is no longer always there, if a parameter or a field of a request becomes required, or if a type changes so that what was good
before is not. More names in an enumeration are no such change: a client has to expect names that it does not know.

A change is announced by a line of the changelog, under "Unreleased", that begins with "- **Breaks clients**" and has the change's name in
backticks: `GET /v1/webhooks`, `GET /v1/webhooks limit`, `Webhook.name`, `Permission`.
"""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Change:
    """A change that breaks clients: what it is announced by, and what it is."""

    name: str
    what: str


class Comparison:
    def __init__(self, old: dict[str, Any], new: dict[str, Any]) -> None:
        self.old, self.new = old, new
        self.seen: set[tuple[str, str, bool]] = set()

    def changes(self) -> Iterator[Change]:
        yield from self.of_paths("paths", clients_send=True)
        yield from self.of_paths("webhooks", clients_send=False)

    def of_paths(self, section: str, clients_send: bool) -> Iterator[Change]:
        for path, item in self.old.get(section, {}).items():
            for method in METHODS:
                if method in item:
                    place = f"{method.upper()} {path}"
                    now = self.new.get(section, {}).get(path, {}).get(method)
                    if now is None:
                        yield Change(place, "is gone")
                    else:
                        yield from self.of_operation(place, item[method], now, clients_send)

    def of_operation(self, place: str, old: dict[str, Any], new: dict[str, Any], sent: bool) -> Iterator[Change]:
        if old.get("operationId") != new.get("operationId"):
            yield Change(place, f"is no longer called {old.get('operationId')}, and generated clients name it so")
        was, now = ({(one["in"], one["name"]): one for one in side.get("parameters", [])} for side in (old, new))
        for (kind, name), parameter in was.items():
            if (kind, name) not in now:
                yield Change(f"{place} {name}", f"is no longer a parameter in the {kind}")
            else:
                schema = now[kind, name].get("schema", {})
                yield from self.of_schemas(f"{place} {name}", parameter.get("schema", {}), schema, sent)
        for (kind, name), parameter in now.items():
            was_required = was.get((kind, name), {}).get("required", False)
            if sent and parameter.get("required") and not was_required:
                yield Change(f"{place} {name}", f"is required in the {kind}")
        if sent and new.get("requestBody", {}).get("required") and not old.get("requestBody", {}).get("required"):
            yield Change(place, "requires a body")
        yield from self.of_contents(place, old.get("requestBody", {}), new.get("requestBody", {}), sent)
        for status, response in old["responses"].items():
            if status in new["responses"]:
                yield from self.of_contents(place, response, new["responses"][status], not sent)
            elif status.startswith("2"):
                yield Change(place, f"is no longer answered with {status}")

    def of_contents(self, place: str, old: dict[str, Any], new: dict[str, Any], sent: bool) -> Iterator[Change]:
        old, new = resolved(self.old, old), resolved(self.new, new)
        for media_type, content in old.get("content", {}).items():
            now = new.get("content", {}).get(media_type)
            if now is None:
                yield Change(place, f"has no {media_type} any more")
            else:
                yield from self.of_schemas(place, content.get("schema", {}), now.get("schema", {}), sent)

    def of_schemas(self, place: str, old: dict[str, Any], new: dict[str, Any], sent: bool) -> Iterator[Change]:
        """The changes of a value that clients send or are sent."""
        name = old.get("$ref", "").rpartition("/")[2]
        if name:
            place = name
            if (name, new.get("$ref", ""), sent) in self.seen:
                return
            self.seen.add((name, new.get("$ref", ""), sent))
        old, new = resolved(self.old, old), resolved(self.new, new)
        was, now = kinds(self.old, old), kinds(self.new, new)
        lost = was - now if sent else now - was
        if lost:
            yield Change(place, f"was {words(was)} and is {words(now)}")
        was_format, now_format = old.get("format"), new.get("format")
        if was_format != now_format:
            yield Change(place, f"had the format {was_format} and has {now_format}")
        yield from self.of_names(place, old, new, sent)
        yield from self.of_fields(place, old, new, sent)
        if "items" in old and "items" in new:
            yield from self.of_schemas(f"{place}[]", old["items"], new["items"], sent)
        for old_option, new_option in zip(options(old), options(new), strict=False):
            yield from self.of_schemas(place, old_option, new_option, sent)

    def of_names(self, place: str, old: dict[str, Any], new: dict[str, Any], sent: bool) -> Iterator[Change]:
        if "enum" in old and "enum" in new:
            for name in old["enum"]:
                if name not in new["enum"]:
                    yield Change(place, f"has no {name} any more")
        elif "enum" in new and sent:
            yield Change(place, "is one of a few names now")
        elif "enum" in old and not sent:
            yield Change(place, "is no longer one of a few names")

    def of_fields(self, place: str, old: dict[str, Any], new: dict[str, Any], sent: bool) -> Iterator[Change]:
        was, now = old.get("properties", {}), new.get("properties", {})
        was_required, now_required = set(old.get("required", [])), set(new.get("required", []))
        for field, schema in was.items():
            if field in now:
                yield from self.of_schemas(f"{place}.{field}", schema, now[field], sent)
            elif new:
                yield Change(f"{place}.{field}", "is gone")
        for field in sorted(now_required - was_required if sent else (was_required - now_required) & now.keys()):
            yield Change(f"{place}.{field}", "is required now" if sent else "is not always there any more")


def resolved(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in value:
        found: Any = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part.replace("~1", "/").replace("~0", "~")]
        value = found
    return value


def options(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for one in schema.get("oneOf", []) if one.get("type") != "null"]


def kinds(document: dict[str, Any], schema: dict[str, Any]) -> frozenset[str]:
    """The types that a value may have; `integer` is a `number` too."""
    if "oneOf" in schema:
        return frozenset().union(*(kinds(document, resolved(document, one)) for one in schema["oneOf"]))
    named = schema.get("type", ["object", "array", "string", "number", "integer", "boolean", "null"])
    named = [named] if isinstance(named, str) else named
    return frozenset([*named, "integer"] if "number" in named else named)


def words(named: frozenset[str]) -> str:
    return " or ".join(sorted(named))


def announced(changelog: str) -> set[str]:
    """What is announced to break clients in the part of the changelog that is not released."""
    unreleased = re.search(r"^## Unreleased\n(.*?)(?=^## |\Z)", changelog, re.DOTALL | re.MULTILINE)
    lines = re.findall(r"^- \*\*Breaks clients\*\*.*(?:\n  .*)*", unreleased[1] if unreleased else "", re.MULTILINE)
    return {name for line in lines for name in re.findall(r"`([^`]+)`", line)}


def main() -> None:
    old, new = (json.load(open(place)) for place in sys.argv[1:3])
    with open(sys.argv[3]) as file:
        names = announced(file.read())
    missing = [change for change in Comparison(old, new).changes() if change.name not in names]
    for change in missing:
        print(f"`{change.name}` {change.what}", file=sys.stderr)
    if missing:
        sys.exit('These changes break clients. CHANGELOG.md needs a line with "- **Breaks clients**" and the name, or take them back.')


if __name__ == "__main__":
    main()
