"""Tests of breaking.py: python3 tests/clients/test_breaking.py"""

import copy
import json
import unittest
from pathlib import Path
from typing import Any

from breaking import Change, Comparison, announced

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[2] / "docs/openapi.json").read_text())


def changes(document: dict[str, Any], old: dict[str, Any] = DOCUMENT) -> list[Change]:
    return list(Comparison(old, document).changes())


class Breaking(unittest.TestCase):
    def setUp(self) -> None:
        self.new = copy.deepcopy(DOCUMENT)
        self.schemas = self.new["components"]["schemas"]
        self.list = self.new["paths"]["/v1/webhooks"]["get"]

    def breaks(self, *names: str) -> None:
        found = changes(self.new)
        self.assertEqual({change.name for change in found}, set(names), found)

    def test_a_document_does_not_break_its_own_clients(self) -> None:
        self.breaks()

    def test_an_operation_that_is_gone_breaks(self) -> None:
        del self.new["paths"]["/v1/webhooks"]["get"]
        self.breaks("GET /v1/webhooks")

    def test_a_path_that_is_gone_breaks(self) -> None:
        del self.new["paths"]["/v1/events"]
        self.breaks("POST /v1/events")

    def test_another_operation_id_breaks(self) -> None:
        self.list["operationId"] = "webhooks"
        self.breaks("GET /v1/webhooks")

    def test_a_parameter_that_is_gone_breaks(self) -> None:
        self.list["parameters"] = [one for one in self.list["parameters"] if one["name"] != "limit"]
        self.breaks("GET /v1/webhooks limit")

    def test_a_parameter_that_becomes_required_breaks(self) -> None:
        next(one for one in self.list["parameters"] if one["name"] == "limit")["required"] = True
        self.breaks("GET /v1/webhooks limit")

    def test_a_new_parameter_breaks_only_if_it_is_required(self) -> None:
        parameter = {"name": "reference", "in": "query", "required": False, "schema": {"type": "string"}}
        self.list["parameters"].append(parameter)
        self.breaks()
        parameter["required"] = True
        self.breaks("GET /v1/webhooks reference")

    def test_a_field_of_an_answer_that_is_gone_breaks(self) -> None:
        del self.schemas["Webhook"]["properties"]["name"]
        self.breaks("Webhook.name")

    def test_a_field_of_an_answer_that_is_not_always_there_any_more_breaks(self) -> None:
        self.schemas["Attempt"]["required"].remove("cause")
        self.breaks("Attempt.cause")

    def test_a_field_of_an_answer_that_may_be_null_now_breaks(self) -> None:
        self.schemas["Webhook"]["properties"]["active"]["type"] = ["boolean", "null"]
        self.breaks("Webhook.active")

    def test_a_field_of_an_answer_that_is_never_null_any_more_does_not_break(self) -> None:
        self.schemas["Webhook"]["properties"]["url"]["type"] = "string"
        self.breaks()

    def test_a_field_of_a_request_that_may_not_be_null_any_more_breaks(self) -> None:
        self.schemas["CreateWebhook"]["properties"]["url"]["type"] = "string"
        self.breaks("CreateWebhook.url")

    def test_a_field_of_a_request_that_may_be_null_now_does_not_break(self) -> None:
        self.schemas["UpdateWebhook"]["properties"]["active"]["type"] = ["boolean", "null"]
        self.breaks()

    def test_a_field_of_a_request_that_becomes_required_breaks(self) -> None:
        self.schemas["PublishEvent"]["required"].append("previous_data")
        self.breaks("PublishEvent.previous_data")

    def test_a_field_of_a_request_that_is_gone_breaks(self) -> None:
        del self.schemas["RollSecret"]["properties"]["username"]
        self.breaks("RollSecret.username")

    def test_another_type_breaks(self) -> None:
        self.schemas["Webhook"]["properties"]["created_at"]["type"] = "integer"
        self.breaks("Webhook.created_at")

    def test_another_type_of_an_item_breaks(self) -> None:
        self.schemas["AuditRecord"]["properties"]["changed_fields"]["items"]["type"] = "object"
        self.breaks("AuditRecord.changed_fields[]")

    def test_a_name_that_is_gone_breaks_and_a_new_one_does_not(self) -> None:
        self.schemas["Permission"]["enum"].append("ROTATION.VIEW")
        self.breaks()
        self.schemas["Permission"]["enum"].remove("WEBHOOK.VIEW")
        self.breaks("Permission")

    def test_an_optional_field_more_does_not_break(self) -> None:
        for name in ("Webhook", "UpdateWebhook"):
            self.schemas[name]["properties"]["description"] = {"type": ["string", "null"]}
        self.schemas["Webhook"]["required"].append("description")
        self.breaks()

    def test_a_status_of_success_that_is_gone_breaks(self) -> None:
        responses = self.new["paths"]["/v1/events"]["post"]["responses"]
        responses["200"] = responses.pop("202")
        self.breaks("POST /v1/events")

    def test_a_field_of_a_delivery_that_is_gone_breaks(self) -> None:
        del self.schemas["Delivery"]["properties"]["created_at"]
        self.breaks("Delivery.created_at")

    def test_a_schema_of_another_name_with_the_same_fields_does_not_break(self) -> None:
        self.schemas["Reason"] = self.schemas.pop("FailureCause")
        text = json.dumps(self.new).replace("#/components/schemas/FailureCause", "#/components/schemas/Reason")
        self.assertEqual(changes(json.loads(text)), [])


class Announced(unittest.TestCase):
    def test_what_is_announced_stands_under_unreleased_in_a_line_of_its_own(self) -> None:
        changelog = """# Changes

## Unreleased

- `Webhook.url` is not announced by this.
- **Breaks clients**: `Webhook.name` is gone, and
  `GET /v1/webhooks limit` too.
- More.

## 0.1.0

- **Breaks clients**: `Event.id`.
"""
        self.assertEqual(announced(changelog), {"Webhook.name", "GET /v1/webhooks limit"})


if __name__ == "__main__":
    unittest.main()
