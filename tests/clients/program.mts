// What a user of openapi-typescript and openapi-fetch does: creates a webhook, rolls its secret, publishes, reads the delivery, and
// handles a conflict. Type-checked, and run against the built service (.ci/clients).

import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout } from "node:timers/promises";

import createClient from "openapi-fetch";

import type { components, paths, webhooks } from "./api.d.ts";

type Delivery = webhooks["delivery"]["post"]["requestBody"]["content"]["application/json"];
type DeliveryHeaders = webhooks["delivery"]["post"]["parameters"]["header"];

const received: { headers: DeliveryHeaders; body: Delivery }[] = [];
const receiver = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = JSON.parse(Buffer.concat(chunks).toString()) as Delivery;
  const { "webhook-id": id, "webhook-timestamp": timestamp } = request.headers;
  assert(typeof id === "string" && typeof timestamp === "string");
  received.push({ headers: { "webhook-id": id, "webhook-timestamp": timestamp }, body });
  response.writeHead(204).end();
});
await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
const { port } = receiver.address() as AddressInfo;

const { WEBHOOK_TEST_URL: baseUrl = "", WEBHOOK_TEST_API_KEY: key = "" } = process.env;
const client = createClient<paths>({ baseUrl, headers: { "X-API-KEY": key } });

const body: components["schemas"]["CreateWebhook"] = {
  name: "Invoices",
  reference: "typescript",
  url: `http://127.0.0.1:${port}/hooks`,
  included_actions: ["INVOICE.CREATED"],
  authentication_type: "PASSWORD",
  username: "billing",
  password: "correct.horse",
  custom_headers: { "X-Tenant": "acme" },
};
const created = await client.POST("/v1/webhooks", { body });
assert(created.data, JSON.stringify(created.error));
assert.equal(created.data.penalty_box_data, null);

const again = await client.POST("/v1/webhooks", { body });
assert.equal(again.response.status, 409);
const code: components["schemas"]["ErrorCode"] | undefined = again.error?.code;
assert.equal(code, "RESOURCE_ALREADY_EXISTS");

const path = { resourceId: created.data.id };
const rolled = await client.PATCH("/v1/webhooks/{resourceId}/secret-key", { params: { path } });
assert(rolled.data, JSON.stringify(rolled.error));
assert.notEqual(rolled.data.secret_key, created.data.secret_key);
assert.equal(rolled.data.previous_secret_key, created.data.secret_key);
const settings = { active: true, include_previous_data: true, authentication_type: "NONE", previous_secret_expires_in: 60 } as const;
const changed = await client.PATCH("/v1/webhooks/{resourceId}/secret-key", { params: { path }, body: settings });
assert(changed.data?.include_previous_data, JSON.stringify(changed.error));

// What was read can be sent back.
const read = await client.GET("/v1/webhooks/{resourceId}", { params: { path } });
assert(read.data, JSON.stringify(read.error));
const same = await client.PATCH("/v1/webhooks/{resourceId}", { params: { path }, body: read.data });
assert.equal(same.data?.name, "Invoices", JSON.stringify(same.error));
assert.deepEqual(same.data?.custom_headers, { "X-Tenant": null });

const data = { id: "inv_1", lines: [1, 2.5, null] };
const published = await client.POST("/v1/events", { body: { type: "INVOICE.CREATED", data, previous_data: [] } });
assert.equal(published.data?.webhook_events, 1, JSON.stringify(published.error));

const query = { webhook_id: created.data.id, status: "SUCCEEDED" } as const;
let found: components["schemas"]["WebhookEvent"] | undefined;
for (const deadline = Date.now() + 30_000; !found; await setTimeout(50)) {
  assert(Date.now() < deadline, "the delivery is not recorded");
  found = (await client.GET("/v1/webhook-events", { params: { query } })).data?.data[0];
}
const whole = await client.GET("/v1/webhook-events/{id}", { params: { path: { id: found.id } } });
assert.equal(whole.data?.attempts[0]?.status_code, 204, JSON.stringify(whole.error));
const [delivery] = received;
assert(delivery);
assert.equal(delivery.headers["webhook-id"], published.data?.id);
assert.deepEqual(delivery.body.data, data);
assert.deepEqual(whole.data?.payload, delivery.body);

const deleted = await client.DELETE("/v1/webhooks/{resourceId}", { params: { path } });
assert.equal(deleted.data?.secret_key, null, JSON.stringify(deleted.error));
console.log("the TypeScript client works");
receiver.close();
receiver.closeAllConnections();
