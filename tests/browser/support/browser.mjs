// A browser with one page, which remembers what it complained of.
import assert from "node:assert/strict";
import { chromium } from "./modules.mjs";

/** Runs `tell` with a page on `service`. Afterwards the browser must have had nothing to complain of. */
export async function inBrowser(service, options, tell) {
    const browser = await chromium.launch({
        executablePath: process.env.CHROMIUM,
        // Chromium's sandbox does not work for root.
        args: process.getuid() === 0 ? ["--no-sandbox"] : [],
    });
    try {
        const context = await browser.newContext({ baseURL: service.url, locale: "en-GB", timezoneId: "Europe/Berlin", ...options });
        context.setDefaultTimeout(20_000);
        const page = await context.newPage();
        const complaints = await collectComplaints(page, service.url, options?.expects ?? []);
        await tell(page, context);
        assert.deepEqual(complaints, [], "the browser complains of nothing");
    } finally {
        await browser.close();
    }
}

// Violations of the Content-Security-Policy and whatever else the console of the browser calls an error, exceptions, and requests that leave
// the service.
async function collectComplaints(page, origin, expected) {
    const complaints = [];
    const complain = (what) => {
        if (!expected.some((pattern) => pattern.test(what))) complaints.push(`${new URL(page.url()).pathname}: ${what}`);
    };
    page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) complain(message.text());
    });
    page.on("pageerror", (error) => complain(String(error)));
    page.on("dialog", (dialog) => {
        complain(`a dialog: ${dialog.message()}`);
        dialog.dismiss();
    });
    page.on("request", (request) => {
        if (!request.url().startsWith(`${origin}/`)) complain(`a request for ${request.url()}`);
    });
    await page.exposeFunction("complainOfPolicy", (violation) => complain(`violates the policy: ${violation}`));
    await page.addInitScript(() => {
        document.addEventListener("securitypolicyviolation", (event) => {
            window.complainOfPolicy(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
        });
    });
    return complaints;
}

/** Signs in as an operator does. */
export async function signIn(page, key) {
    await page.goto("/console/");
    await page.getByLabel("API key").fill(key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await isAt(page, "Overview");
}

/** The page shows the heading `name`. */
export async function isAt(page, name) {
    await page.getByRole("heading", { level: 1, name }).waitFor();
}

/** The console's page of a webhook. */
export function pageOf(webhook, platform = "default") {
    return `/console/p/${platform}/webhooks/${webhook.id}`;
}

/** The secret that the page shows for the current key. */
export async function shownSecret(page) {
    const secret = await page.getByRole("region", { name: "Current key" }).locator(".secret").innerText();
    assert.match(secret, /^whsec_/);
    return secret;
}

/** Nothing is kept in the browser but the cookie, which no script can read. */
export async function keepsNothing(page) {
    const kept = await page.evaluate(async () => ({
        local: { ...localStorage },
        session: { ...sessionStorage },
        databases: await indexedDB.databases(),
        caches: await caches.keys(),
        cookies: document.cookie,
        state: history.state,
    }));
    assert.deepEqual(kept, { local: {}, session: {}, databases: [], caches: [], cookies: "", state: null });
}
