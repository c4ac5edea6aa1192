// From signing in to signing out, and what ends a session besides.
import assert from "node:assert/strict";
import { isAt, keepsNothing, shownSecret, signIn } from "./support/browser.mjs";
import { story } from "./support/story.mjs";

story("somebody signs in, creates a webhook, rolls its secret after a preview, sees both keys and signs out", {}, async ({ service, page, context }) => {
    await signIn(page, service.key);
    await page.getByRole("link", { name: "Create the first one." }).click();
    await page.getByLabel("Name", { exact: true }).fill("Invoices");
    await page.getByLabel("Url").fill("https://example.com/webhooks");
    await page.getByRole("button", { name: "Create" }).click();
    await isAt(page, "Invoices was created");
    const first = await shownSecret(page);
    await keepsNothing(page);

    await page.getByRole("link", { name: "To the webhook" }).click();
    await page.getByRole("link", { name: "Roll the secret" }).click();
    const preview = page.getByRole("region", { name: "What would sign from then on" });
    assert.equal(await preview.getByRole("row").count(), 3, "a head, the new key and the one before");
    await page.getByRole("button", { name: "Roll the secret" }).click();
    await isAt(page, "The secret of Invoices was rolled");
    assert.notEqual(await shownSecret(page), first);
    await keepsNothing(page);

    await page.getByRole("link", { name: "To the webhook" }).click();
    await isAt(page, "Invoices");
    assert.equal(await page.locator("svg[role=img] rect.bar").count(), 2, "a bar for each key");
    const keys = page.getByRole("region", { name: "Keys that sign" }).getByRole("rowheader");
    assert.equal(await keys.count(), 2);

    await page.getByRole("button", { name: "Sign out" }).click();
    await isAt(page, "Sign in");
    assert.deepEqual(await context.cookies(), []);
    await page.goBack();
    await isAt(page, "Sign in");
});

story("a session ends with its key", {}, async ({ service, page }) => {
    const made = await service.api("POST", "/api-keys", { name: "short", permissions: ["WEBHOOK.VIEW"] });
    await signIn(page, made.api_key);
    await page.getByRole("link", { name: "Webhooks", exact: true }).last().click();
    await isAt(page, "Webhooks");
    await service.api("DELETE", `/api-keys/${made.id}`);
    await page.getByRole("link", { name: "Overview" }).click();
    await isAt(page, "Sign in");
});
