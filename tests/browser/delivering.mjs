// What becomes of deliveries, from the first one to one that is given up and sent again.
import assert from "node:assert/strict";
import { isAt, signIn } from "./support/browser.mjs";
import { story } from "./support/story.mjs";

/** Reloads the page until it shows this. */
async function comes(page, locator) {
    for (let tries = 0; tries < 100; tries++) {
        if (await locator.first().isVisible()) return;
        await page.waitForTimeout(100);
        await page.reload();
    }
    assert.fail(`${locator} did not come to ${page.url()}: ${await page.getByRole("main").innerText()}`);
}

/** Goes to the newest delivery in the list, which is in this state. */
async function goToNewest(page, state) {
    await page.getByRole("navigation", { name: "Main" }).getByRole("link", { name: "Deliveries" }).click();
    const newest = page.getByRole("region", { name: "Deliveries" }).getByRole("row").nth(1);
    await comes(page, newest.getByText(state, { exact: true }));
    await newest.getByRole("link", { name: "INVOICE.CREATED" }).click();
}

story("a delivery comes in, another one holds the queue up, is given up and sent again", {}, async ({ service, page }) => {
    let status = 204;
    const received = [];
    const url = await service.receiver((request) => {
        received.push(request.headers);
        return status;
    });
    const publish = (id) => service.api("POST", "/events", { type: "INVOICE.CREATED", data: { id } });

    await signIn(page, service.key);
    await page.getByRole("link", { name: "Create the first one." }).click();
    await page.getByLabel("Name", { exact: true }).fill("Invoices");
    await page.getByLabel("Url").fill(url);
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByRole("link", { name: "To the webhook" }).click();
    await page.getByRole("link", { name: "Roll the secret" }).click();
    await page.getByRole("button", { name: "Roll the secret" }).click();
    await isAt(page, "The secret of Invoices was rolled");

    await publish("inv_1");
    await goToNewest(page, "delivered");
    const signatures = page.getByRole("region", { name: "Signatures" });
    await signatures.getByText("2 keys, newest first").waitFor();
    const keys = await signatures.getByRole("rowheader").allInnerTexts();
    assert.equal(new Set(keys).size, 2, "each key has its own row");
    assert.equal(received[0]["webhook-signature"].split(" ").length, 2, "the receiver got as many");

    status = 500;
    await publish("inv_2");
    await page.getByRole("link", { name: "Overview" }).click();
    const heldUp = page.getByRole("region", { name: "Held up", exact: true });
    await comes(page, heldUp.getByRole("link", { name: "Invoices" }));
    assert.match(await heldUp.innerText(), /500/, "the overview says why");
    assert.match(await page.locator(".figures").innerText(), /Deliveries that wait\s+1\s/);
    await heldUp.getByRole("link", { name: "Invoices" }).click();
    await isAt(page, "Invoices");
    await page.getByText("held up", { exact: true }).waitFor();
    assert.match(await page.getByRole("main").innerText(), /No delivery has succeeded since/);
    assert.match(await page.getByRole("main").innerText(), /500/, "so does the webhook's page");

    await goToNewest(page, "waiting");
    await page.getByText("This event is the first in the queue.").waitFor();
    await page.getByRole("link", { name: "Give it up" }).click();
    await page.getByRole("button", { name: "Give it up" }).click();
    await page.getByText("It is given up, and is sent no more.").waitFor();

    status = 204;
    await page.getByRole("link", { name: "Send it again" }).click();
    await page.getByRole("button", { name: "Send it again" }).click();
    await page.getByText("It is in the webhook's queue again.").waitFor();
    await comes(page, page.locator("dl.facts").getByText("delivered", { exact: true }));
    const ids = received.map((headers) => headers["webhook-id"]);
    assert.deepEqual([ids.length, ids[2]], [3, ids[1]], "it was sent again under its own id");
    await page.getByRole("link", { name: "Overview" }).click();
    await page.getByText("Every queue moves.").waitFor();
});
