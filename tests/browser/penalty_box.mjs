// Queues that are held up.
import assert from "node:assert/strict";
import { isAt, pageOf, signIn } from "./support/browser.mjs";
import { looksRight } from "./support/looks.mjs";
import { scene } from "./support/scene.mjs";
import { story } from "./support/story.mjs";

story("what is first in a queue that is held up is sent at once, with JavaScript off", { javaScriptEnabled: false }, async ({ service, page }) => {
    const { heldUp } = await scene(service);
    await signIn(page, service.key);
    await page.getByRole("link", { name: "Penalty box" }).click();
    await isAt(page, "Penalty box");
    const attempts = async () => (await service.api("GET", `/webhook-events?webhook_id=${heldUp.id}`)).data[0].attempts.length;
    const before = await attempts();
    await page.getByRole("row", { name: "Shipments" }).getByRole("button", { name: "Send it now" }).click();
    await isAt(page, "Sent to Shipments");
    await page.getByText("was not taken").waitFor();
    assert.equal(await attempts(), before + 1);
    await page.reload();
    await isAt(page, "Sent to Shipments");
    assert.equal(await attempts(), before + 1, "a refresh sends nothing");
    await page.getByRole("link", { name: "What holds it up" }).click();
    await isAt(page, "What holds up Shipments");
});

story("axe finds nothing on the pages of a queue that is held up", {}, async ({ service, page }) => {
    const { heldUp } = await scene(service);
    await signIn(page, service.key);
    await page.goto(pageOf(heldUp));
    await page.getByRole("link", { name: "What can be done about it" }).click();
    await isAt(page, "What holds up Shipments");
    await looksRight(page, "what holds a queue up");
    await page.getByRole("button", { name: "Send the first one now" }).click();
    await isAt(page, "Sent to Shipments");
    await looksRight(page, "sent at once");
});
