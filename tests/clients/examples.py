"""Holds every example and default in an OpenAPI document to the schema that it stands in.

    examples.py DOCUMENT
"""

import json
import sys
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

# Below these, names are those of fields, not of keywords.
NAMED = {"properties", "schemas", "responses", "headers", "paths", "webhooks", "parameters", "content"}


def samples(node: Any, pointer: str = "", keywords: bool = True) -> Iterator[tuple[str, Any]]:
    """The place of each schema that has an example or a default, and what it has."""
    if isinstance(node, dict):
        if keywords:
            for example in node.get("examples", []):
                yield pointer, example
            if "default" in node and "responses" not in node and not pointer.endswith("/responses"):
                yield pointer, node["default"]
        for name, member in node.items():
            if keywords and name in {"examples", "default", "enum"}:
                continue
            part = name.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
            yield from samples(member, f"{pointer}/{part}", not (keywords and name in NAMED))
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from samples(item, f"{pointer}/{index}")


def faults(document: dict[str, Any]) -> Iterator[str]:
    registry = Registry().with_resource("urn:document", DRAFT202012.create_resource(document))
    tried = 0
    for pointer, sample in samples(document):
        validator = Draft202012Validator({"$ref": f"urn:document#{pointer}"}, registry=registry)
        for error in validator.iter_errors(sample):
            yield f"{pointer}: {error.json_path}: {error.message}"
        tried += 1
    if tried < 20:
        yield f"only {tried} examples were found"


def main() -> None:
    with open(sys.argv[1]) as file:
        found = list(faults(json.load(file)))
    sys.exit("\n".join(["Examples that their schemas refuse:", *found]) if found else 0)


if __name__ == "__main__":
    main()
