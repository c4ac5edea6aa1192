// The chain of audit records, verified in the browser.
import { isAt, signIn } from "./support/browser.mjs";
import { looksRight } from "./support/looks.mjs";
import { story } from "./support/story.mjs";

const PAGE = "/console/p/default/audit/verify";
const STEP = 10_000;

/** So many audit records: each time that a secret is read back makes one. */
async function records(service, count) {
    const { id } = await service.webhook({ name: "Invoices" });
    let left = count;
    const reader = async () => {
        while (left-- > 0) await service.api("GET", `/webhooks/${id}`);
    };
    await Promise.all(Array.from({ length: 64 }, reader));
}

story("a chain of many records is verified to its end by itself", {}, async ({ service, page }) => {
    await records(service, STEP + 1);
    await signIn(page, await service.keyOf("*"));
    await page.goto("/console/p/default/audit");
    await page.getByRole("link", { name: "Verify the chain" }).click();
    await isAt(page, "Was no audit record changed?");
    await looksRight(page, "before a chain is verified");
    // The first answer is a page. What comes after it is asked for by the script.
    const asked = page.waitForRequest((request) => request.headers()["hx-request"] === "true");
    await page.getByRole("button", { name: "Verify the chain" }).click();
    await asked;
    await page.getByText(/^The chain is whole up to its newest record, \d+\.$/).waitFor();
    await looksRight(page, "a chain that is whole");
});

story("a chain is verified with JavaScript off, and a key of one platform is told why it cannot", { javaScriptEnabled: false }, async ({ service, page }) => {
    await records(service, STEP + 1);
    await signIn(page, await service.keyOf("*"));
    await page.goto(PAGE);
    await page.getByRole("button", { name: "Verify the chain" }).click();
    await page.getByText(`Whole up to record ${STEP} of`).waitFor();
    await page.getByRole("button", { name: "Go on" }).click();
    await page.getByText("The chain is whole").waitFor();
    await page.getByRole("button", { name: "Sign out" }).click();

    await signIn(page, service.key);
    await page.goto(PAGE);
    await page.getByText("is for one platform").waitFor();
});
