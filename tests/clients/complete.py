"""Checks that generated clients leave nothing of an OpenAPI document out: no operation, parameter, status, schema, field or name.

    complete.py python DOCUMENT                looks at the package `webhooks_client`
    complete.py typescript DOCUMENT            prints a program that type-checks against `./api.d.ts` if that is complete
"""

import enum
import importlib
import inspect
import json
import re
import sys
import typing
from collections.abc import Iterable, Iterator
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in document["paths"].values():
        for method in METHODS:
            if method in item:
                yield item[method]


def is_nullable(schema: dict[str, Any]) -> bool:
    """Whether null fits; none of what has no type at all."""
    kinds = schema.get("type", [])
    either = schema.get("oneOf", [])
    return "null" in kinds or any(option.get("type") == "null" for option in either)


def has_type(schema: dict[str, Any]) -> bool:
    return any(keyword in schema for keyword in ("type", "oneOf", "$ref"))


# Python: what openapi-python-client makes of names, and where it puts things.


def snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[-. ]", "_", name).lower()


def made_as(name: str, names: Iterable[str]) -> str | None:
    """What `name` was made to: a name that Python has itself gets another character."""
    return next((made for made in (snake(name), f"{snake(name)}_") if made in names), None)


def of_python(document: dict[str, Any]) -> Iterator[str]:
    models = importlib.import_module("webhooks_client.models")
    for name, schema in document["components"]["schemas"].items():
        if "enum" in schema:
            made = getattr(models, name, None)
            if not (isinstance(made, type) and issubclass(made, enum.Enum)):
                yield f"{name}: no enumeration"
            elif {member.value for member in made} != set(schema["enum"]):
                yield f"{name}: other names than {schema['enum']}"
        elif schema.get("type") == "object":
            yield from of_python_model(name, schema, getattr(models, name, None))
    for operation in operations(document):
        yield from of_python_operation(operation)


def of_python_model(name: str, schema: dict[str, Any], model: type | None) -> Iterator[str]:
    if model is None:
        yield f"{name}: no class"
        return
    module = vars(sys.modules[model.__module__])
    models = vars(sys.modules["webhooks_client.models"])
    hints = typing.get_type_hints(model, globalns={**models, **module})
    for field, of_field in schema.get("properties", {}).items():
        made = made_as(field, hints)
        if made is None:
            yield f"{name}.{field}: left out"
            continue
        hint = hints[made]
        options = typing.get_args(hint) or (hint,)
        names = {getattr(option, "__name__", str(option)) for option in options}
        if ("Unset" in names) == (field in schema.get("required", [])):
            yield f"{name}.{field}: required in one and not in the other: {hint}"
        if has_type(of_field) and (hint is Any or ("NoneType" in names) != is_nullable(of_field)):
            yield f"{name}.{field}: of another type: {hint}"


def of_python_operation(operation: dict[str, Any]) -> Iterator[str]:
    name = operation["operationId"]
    place = f"webhooks_client.api.{snake(operation['tags'][0])}.{name}"
    try:
        module = importlib.import_module(place)
    except ModuleNotFoundError:
        yield f"{name}: no {place}"
        return
    taken = inspect.signature(module.sync_detailed).parameters
    wanted = [parameter["name"] for parameter in operation.get("parameters", [])]
    if "requestBody" in operation:
        wanted.append("body")
    for parameter in wanted:
        if made_as(parameter, taken) is None:
            yield f"{name}: does not take {parameter}"
    parsed = set(re.findall(r"status_code == (\d+)", inspect.getsource(module)))
    for status in set(operation["responses"]) - parsed:
        yield f"{name}: does not know {status}"


# TypeScript: the compiler compares; the keys of an object must be those of its type, no more and no fewer.

TYPESCRIPT = """\
import type { components, operations, paths, webhooks } from "./api.d.ts";

type Known<T> = keyof { [K in keyof T as string extends K ? never : number extends K ? never : K]: T[K] };
type Always<T> = { [K in Known<T>]-?: {} extends Pick<T, K> ? never : K }[Known<T>];
type OrNull<T> = { [K in Known<T>]-?: unknown extends T[K] ? never : null extends T[K] ? K : never }[Known<T>];
type Schemas = components["schemas"];
type In<O extends keyof operations, P extends keyof operations[O]["parameters"]> = Known<NonNullable<operations[O]["parameters"][P]>>;
"""


def of_typescript(document: dict[str, Any]) -> Iterator[str]:
    yield TYPESCRIPT

    def same(kind: str, names: Any) -> str:
        keys = ", ".join(f"{json.dumps(name)}: true" for name in names)
        return f"({{ {keys} }}) satisfies Record<{kind}, true>;"

    schemas = document["components"]["schemas"]
    yield same("keyof Schemas", schemas)
    for name, schema in schemas.items():
        of = f"Schemas[{json.dumps(name)}]"
        fields = schema.get("properties", {})
        if "enum" in schema:
            yield same(of, schema["enum"])
        elif fields:
            yield same(f"Known<{of}>", fields)
            yield same(f"Always<{of}>", schema.get("required", []))
            yield same(f"OrNull<{of}>", [field for field in fields if is_nullable(fields[field])])
    yield same("keyof paths", document["paths"])
    yield same("keyof webhooks", document["webhooks"])
    webhook_operations = [item["post"] for item in document["webhooks"].values()]
    yield same("keyof operations", [one["operationId"] for one in [*operations(document), *webhook_operations]])
    for operation in [*operations(document), *webhook_operations]:
        name = json.dumps(operation["operationId"])
        responses = [int(status) if status.isdigit() else status for status in operation["responses"]]
        keys = ", ".join(f"{json.dumps(status)}: true" for status in responses)
        yield f"({{ {keys} }}) satisfies Record<Known<operations[{name}][\"responses\"]>, true>;"
        for place in ("query", "header", "path"):
            of_place = [one["name"] for one in operation.get("parameters", []) if one["in"] == place]
            yield same(f'In<{name}, "{place}">', of_place)
        body = "requestBody" in operation
        yield f"({json.dumps(body)}) satisfies [NonNullable<operations[{name}][\"requestBody\"]>] extends [never] ? false : true;"


def main() -> None:
    language, place = sys.argv[1:]
    with open(place) as file:
        document = json.load(file)
    if language == "typescript":
        print("\n".join(of_typescript(document)))
        return
    found = list(of_python(document))
    sys.exit("\n".join(["The Python client is not complete:", *found]) if found else 0)


if __name__ == "__main__":
    main()
