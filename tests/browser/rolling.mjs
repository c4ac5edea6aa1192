// A roll, by whatever means an operator has.
import assert from "node:assert/strict";
import { isAt, keepsNothing, pageOf, shownSecret, signIn } from "./support/browser.mjs";
import { press, tabTo } from "./support/keyboard.mjs";
import { story } from "./support/story.mjs";

async function rolledOnce(service, webhook, secret) {
    const { secret_key, previous_secret_key } = await service.api("GET", `/webhooks/${webhook.id}`);
    assert.equal(secret_key, secret, "the page showed the key that signs");
    assert.equal(previous_secret_key, webhook.secret_key, "the retired key is the one of the creation");
}

story("a roll by keyboard alone", {}, async ({ service, page }) => {
    const webhook = await service.webhook({ name: "Invoices" });
    await page.goto("/console/");
    await tabTo(page, "API key");
    await page.keyboard.type(service.key);
    await press(page, "Enter", "Overview");
    await tabTo(page, "Webhooks", 2);
    await press(page, "Enter", "Webhooks");
    await tabTo(page, "Invoices");
    await press(page, "Enter", "Invoices");
    await tabTo(page, "Roll the secret");
    await press(page, "Enter", "Roll the secret of Invoices");
    await tabTo(page, "How long the retired key goes on signing");
    await page.keyboard.press("End");
    await tabTo(page, "Show what this would do");
    await press(page, "Enter", "Roll the secret of Invoices");
    await tabTo(page, "Roll the secret");
    await press(page, "Space", "The secret of Invoices was rolled");
    await rolledOnce(service, webhook, await shownSecret(page));
    await tabTo(page, "To the webhook");
    await press(page, "Enter", "Invoices");
});

story("a roll with JavaScript off", { javaScriptEnabled: false }, async ({ service, page }) => {
    const webhook = await service.webhook({ name: "Invoices" });
    await signIn(page, service.key);
    await page.goto(pageOf(webhook));
    await page.getByRole("link", { name: "Roll the secret" }).click();
    await page.getByLabel("How long the retired key goes on signing").selectOption("3600");
    await page.getByRole("button", { name: "Show what this would do" }).click();
    await page.getByRole("button", { name: "Roll the secret" }).click();
    await isAt(page, "The secret of Invoices was rolled");
    await rolledOnce(service, webhook, await shownSecret(page));
    assert.equal(await page.getByRole("button", { name: /^Copy/ }).count(), 0, "no button that needs a script");
});

story("a double click and a refresh roll once, and show the same secret", {}, async ({ service, page }) => {
    const webhook = await service.webhook({ name: "Invoices" });
    await signIn(page, service.key);
    await page.goto(`${pageOf(webhook)}/roll`);
    // The second click comes when the service has answered the first one, and the browser does not know it yet.
    const answers = [];
    let sendAgain;
    const isAnswered = new Promise((resolve) => (sendAgain = resolve));
    await page.route("**/roll", async (route) => {
        if (route.request().method() !== "POST") return route.continue();
        const response = await route.fetch();
        answers.push(response.status());
        if (answers.length > 1) return route.fulfill({ response });
        sendAgain();
    });
    const button = await page.getByRole("button", { name: "Roll the secret" }).boundingBox();
    await page.mouse.click(button.x + 9, button.y + 9);
    await isAnswered;
    await page.mouse.click(button.x + 9, button.y + 9);
    await isAt(page, "The secret of Invoices was rolled");
    const secret = await shownSecret(page);
    await rolledOnce(service, webhook, secret);
    await keepsNothing(page);

    await page.reload();
    await isAt(page, "The secret of Invoices was rolled");
    assert.equal(await shownSecret(page), secret);
    assert.deepEqual(answers, [200, 200, 200], "for two clicks and a refresh");
    await rolledOnce(service, webhook, secret);
    await keepsNothing(page);
});

story("secrets that are shown again are kept nowhere", {}, async ({ service, page }) => {
    const webhook = await service.webhook({ name: "Invoices" });
    await signIn(page, service.key);
    await page.goto(pageOf(webhook));
    await page.getByRole("button", { name: "Show the secrets" }).click();
    assert.equal(await shownSecret(page), webhook.secret_key);
    await keepsNothing(page);
});
