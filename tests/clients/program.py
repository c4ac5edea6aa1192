"""What a user of a client by openapi-python-client does: creates a webhook, rolls its secret, publishes, reads the delivery,
and handles a conflict. Type-checked, and run against the built service (.ci/clients)."""

import json
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue

from webhooks_client import AuthenticatedClient
from webhooks_client.api.events import list_webhook_events, publish_event, read_webhook_event
from webhooks_client.api.secrets import roll_secret
from webhooks_client.api.webhooks import create_webhook, delete_webhook, read_webhook, update_webhook
from webhooks_client.models.authentication_type import AuthenticationType
from webhooks_client.models.create_webhook import CreateWebhook
from webhooks_client.models.custom_header_names import CustomHeaderNames
from webhooks_client.models.custom_headers import CustomHeaders
from webhooks_client.models.delivery import Delivery
from webhooks_client.models.error import Error
from webhooks_client.models.error_code import ErrorCode
from webhooks_client.models.event import Event
from webhooks_client.models.publish_event import PublishEvent
from webhooks_client.models.roll_secret import RollSecret
from webhooks_client.models.update_webhook import UpdateWebhook
from webhooks_client.models.webhook import Webhook
from webhooks_client.models.webhook_event import WebhookEvent
from webhooks_client.models.webhook_event_list import WebhookEventList
from webhooks_client.models.webhook_event_status import WebhookEventStatus

received: Queue[tuple[str, str, Delivery]] = Queue()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        received.put((self.headers["webhook-id"], self.headers["x-tenant"], Delivery.from_dict(json.loads(body))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def main() -> None:
    client = AuthenticatedClient(os.environ["WEBHOOK_TEST_URL"], os.environ["WEBHOOK_TEST_API_KEY"])
    receiver = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()

    new = CreateWebhook(
        name="Invoices",
        reference="python",
        url=f"http://127.0.0.1:{receiver.server_port}/hooks",
        included_actions=["INVOICE.CREATED"],
        authentication_type=AuthenticationType.PASSWORD,
        username="billing",
        password="correct.horse",
        custom_headers=CustomHeaders.from_dict({"X-Tenant": "acme"}),
    )
    created = create_webhook.sync(client=client, body=new)
    assert isinstance(created, Webhook), created
    assert created.secret_key is not None and created.penalty_box_data is None
    assert created.authentication_type is AuthenticationType.PASSWORD

    again = create_webhook.sync_detailed(client=client, body=new)
    assert again.status_code == 409 and isinstance(again.parsed, Error), again
    assert again.parsed.code is ErrorCode.RESOURCE_ALREADY_EXISTS and again.parsed.field == "reference"

    rolled = roll_secret.sync(created.id, client=client)
    assert isinstance(rolled, Webhook), rolled
    assert rolled.secret_key != created.secret_key and rolled.previous_secret_key == created.secret_key
    settings = RollSecret(
        active=True,
        include_previous_data=True,
        authentication_type=AuthenticationType.NONE,
        previous_secret_expires_in=60,
    )
    rolled = roll_secret.sync(created.id, client=client, body=settings)
    assert isinstance(rolled, Webhook) and rolled.include_previous_data, rolled

    # What was read can be sent back.
    read = read_webhook.sync(created.id, client=client)
    assert isinstance(read, Webhook), read
    same = update_webhook.sync(created.id, client=client, body=UpdateWebhook.from_dict(read.to_dict()))
    assert isinstance(same, Webhook) and same.name == "Invoices", same
    assert isinstance(same.custom_headers, CustomHeaderNames), same
    assert same.custom_headers.additional_properties == {"X-Tenant": None}, same

    event = PublishEvent(type_="INVOICE.CREATED", data={"id": "inv_1", "lines": [1, 2.5, None]}, previous_data=[])
    published = publish_event.sync(client=client, body=event)
    assert isinstance(published, Event) and published.webhook_events == 1, published

    webhook_id, tenant, delivery = received.get(timeout=30)
    assert webhook_id == published.id and tenant == "acme"
    assert delivery.type_ == "INVOICE.CREATED" and delivery.data == {"id": "inv_1", "lines": [1, 2.5, None]}

    deadline = time.monotonic() + 30
    while True:
        listed = list_webhook_events.sync(client=client, webhook_id=created.id, status=WebhookEventStatus.SUCCEEDED)
        assert isinstance(listed, WebhookEventList), listed
        if listed.data:
            break
        assert time.monotonic() < deadline, "the delivery is not recorded"
        time.sleep(0.05)
    found = read_webhook_event.sync(listed.data[0].id, client=client)
    assert isinstance(found, WebhookEvent) and isinstance(found.payload, Delivery), found
    assert found.payload.to_dict() == delivery.to_dict()
    assert found.attempts[0].status_code == 204 and found.attempts[0].cause is None

    deleted = delete_webhook.sync(created.id, client=client)
    assert isinstance(deleted, Webhook) and deleted.secret_key is None, deleted
    print("the Python client works")


main()
