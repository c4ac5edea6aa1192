// axe, on every page: what a click leads to is looked at as it is there.
import assert from "node:assert/strict";
import { isAt, signIn } from "./support/browser.mjs";
import { looksRight } from "./support/looks.mjs";
import { filled, pagesOfPlatforms } from "./support/pages.mjs";
import { scene } from "./support/scene.mjs";
import { story } from "./support/story.mjs";

// A file, and a part of a page.
const NO_PAGES = /\/(body|progress)$/;

story("axe finds nothing on the pages that a link leads to", {}, async ({ service, page }) => {
    await page.goto("/console/sign-in");
    await looksRight(page, "sign in");
    await signIn(page, service.key);
    await looksRight(page, "the overview of an empty platform");
    await page.goto("/console/p/default/webhooks");
    await looksRight(page, "webhooks, of which there are none");

    const ours = await scene(service);
    for (const { path, methods } of await pagesOfPlatforms()) {
        if (!methods.includes("GET") || NO_PAGES.test(path)) continue;
        const address = filled(path, "default", ours);
        const answer = await page.goto(address);
        assert.equal(answer.status(), 200, address);
        await looksRight(page, path);
    }
});

story("axe finds nothing on the pages that a form is answered with", { expects: [/status of 4\d\d/] }, async ({ service, page }) => {
    await page.goto("/console/sign-in");
    await page.getByLabel("API key").fill("no key");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").waitFor();
    await looksRight(page, "sign in, refused");
    await signIn(page, await service.keyOf("*"));
    await looksRight(page, "the overview of a key for all platforms");

    await page.goto("/console/p/default/webhooks/new");
    await page.getByLabel("Url").fill("not a url");
    await page.getByRole("button", { name: "Create" }).click();
    await page.getByRole("alert").waitFor();
    await looksRight(page, "a form with a mistake");
    await page.getByLabel("Url").fill(await service.receiver(500));
    await page.getByLabel("Name", { exact: true }).fill("Invoices");
    await page.getByRole("button", { name: "Create" }).click();
    await isAt(page, "Invoices was created");
    await looksRight(page, "created");

    await page.getByRole("link", { name: "To the webhook" }).click();
    const here = page.url();
    for (const [button, heading] of [
        ["Send a test event", "Test of Invoices"],
        ["Check which key the receiver uses", "With which key Invoices verifies"],
        ["Show the secrets", "Secrets of Invoices"],
    ]) {
        await page.goto(here);
        await page.getByRole("button", { name: button }).click();
        await isAt(page, heading);
        await looksRight(page, heading);
    }
    await page.goto(`${here}/roll`);
    await page.getByRole("button", { name: "Roll the secret" }).click();
    await isAt(page, "The secret of Invoices was rolled");
    await looksRight(page, "rolled");
    await page.goto(`${here}/nothing`);
    await looksRight(page, "a page that there is not");
});
