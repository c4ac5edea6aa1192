"""Makes good requests out of those that are good field by field, but say things that exclude each other.

A schema cannot say that a cursor is one that the service gave, or that a roll's window stands in the body if there is
one. Without this most requests to these two operations would be refused, and little of them tested.
"""

import schemathesis
from schemathesis import GenerationMode


@schemathesis.hook
def map_case(context, case):
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE or not case.query:
        return case
    if case.operation.label == "GET /v1/webhooks":
        for cursor in ("after", "before"):
            case.query.pop(cursor, None)
    if case.operation.label == "PATCH /v1/webhooks/{resourceId}/secret-key" and case.body:
        case.query.pop("previous_secret_expires_in", None)
    return case
