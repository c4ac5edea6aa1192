// Another tenant, and names that nobody would choose who means well.
import assert from "node:assert/strict";
import { pageOf, signIn } from "./support/browser.mjs";
import { fits, NARROW, WIDE } from "./support/looks.mjs";
import { filled, pagesOfPlatforms } from "./support/pages.mjs";
import { scene } from "./support/scene.mjs";
import { story } from "./support/story.mjs";

story("another tenant's ids are as ids that nobody has, in every address", { expects: [/status of 404/] }, async ({ service, page }) => {
    const theirs = await scene(service, await service.keyOf("other"));
    await service.webhook({ name: "Ours" });
    await signIn(page, service.key);
    const pages = await pagesOfPlatforms();
    for (const { path, methods } of pages) {
        const inOur = path.includes("{id}") ? [filled(path, "default", theirs)] : [];
        for (const address of [...inOur, filled(path, "other", theirs)]) {
            for (const method of methods) {
                const { status, text } = await page.evaluate(ask, { method, address });
                assert.equal(status, 404, `${method} ${address}`);
                assert.doesNotMatch(text, /Invoices|Shipments|billing-1/);
            }
        }
    }
    const { name, secret_key } = await service.api("GET", `/webhooks/${theirs.rolled.id}`, undefined, theirs.key);
    assert.deepEqual({ name, secret_key }, { name: "Invoices", secret_key: theirs.rolled.secret_key }, "nothing of theirs has changed");
});

// As a form of the page would, but the page stays.
async function ask({ method, address }) {
    const fields = { version: "1", seconds: "0", created_after: "2026-01-01T00:00:00Z" };
    const body = new URLSearchParams({ form: "console-00000000000000000000000000", ...fields });
    // A form's page is answered with the same address and a key for its form, whatever the id.
    const how = method === "POST" ? { redirect: "manual", body } : {};
    const answer = await fetch(address, { method, ...how });
    return { status: answer.status, text: await answer.text() };
}

const NAMES = {
    markup: `<script>alert(1)</script>"'><img src=x onerror=alert(2)>{{7*7}}`,
    "right to left": `evil\u202Egnp.exe \u202B\u05E9\u05DC\u05D5\u05DD \u2066`,
    emoji: "\u{1F469}".repeat(256),
    "one long word": "W".repeat(256),
};

for (const [kind, name] of Object.entries(NAMES)) {
    story(`a name of ${kind} is shown as it is, runs nothing and widens no page`, { expects: [/status of 4\d\d/] }, async ({ service, page }) => {
        const url = `https://example.com/${encodeURIComponent(name).slice(0, 1900)}`;
        const webhook = await service.webhook({ name, reference: name, url });
        await service.api("PATCH", `/webhooks/${webhook.id}/secret-key`);
        await service.api("POST", "/api-keys", { name, permissions: ["WEBHOOK.VIEW"] });
        await page.setViewportSize(NARROW);
        await signIn(page, service.key);
        const here = pageOf(webhook);
        for (const path of ["/console/p/default/", "/console/p/default/webhooks", here, `${here}/edit`, `${here}/roll`, `${here}/delete`, `${here}/restore`, `${here}/penalty-box`]) {
            await page.goto(path);
            await fits(page, path);
        }
        await page.goto(`/console/p/default/webhooks?${new URLSearchParams({ name, reference: name, url_host: name })}`);
        await fits(page, "a filter");
        await page.goto(`${here}/roll`);
        await page.getByRole("button", { name: "Roll the secret" }).click();
        await page.getByText("This page shows the new secret once").waitFor();
        await fits(page, "rolled");
        await page.goto(here);
        assert.equal(await page.locator("h1").textContent(), name);
        assert.match(await page.title(), /· Webhooks$/);
        await page.goto(`/console/sign-in?to=${encodeURIComponent(name)}`);
        await fits(page, "sign in");
        await page.setViewportSize(WIDE);
        await page.goto(here);
        await fits(page, "a webhook on a wide screen");
    });
}
