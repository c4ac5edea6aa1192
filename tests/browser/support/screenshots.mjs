// Makes the pictures of docs/console.md in the folder that the argument names: light, dark, and on a narrow screen.
import { execFile } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { inBrowser, isAt, pageOf, signIn } from "./browser.mjs";
import { NARROW } from "./looks.mjs";
import { scene, until } from "./scene.mjs";
import { Service } from "./service.mjs";

const MOST_BYTES = 60_000;
/** Of a long page this much is shown. */
const MOST_HEIGHT = { light: 1000, dark: 1000, narrow: 2400 };
const LOOKS = {
    light: { colorScheme: "light", size: { width: 1000, height: 600 } },
    dark: { colorScheme: "dark", size: { width: 1000, height: 600 } },
    narrow: { colorScheme: "light", size: NARROW },
};

/** Makes them, and says how large each file is. */
export async function takeScreenshots(folder) {
    await mkdir(folder, { recursive: true });
    const service = await Service.start();
    const made = {};
    try {
        await inBrowser(service, { deviceScaleFactor: 1, timezoneId: "UTC" }, async (page) => {
            const take = async (name, looks) => {
                for (const look of looks) made[`${name}-${look}.png`] = await shoot(page, folder, `${name}-${look}.png`, { ...LOOKS[look], most: MOST_HEIGHT[look] });
            };
            await page.goto("/console/sign-in");
            await take("sign-in", ["light"]);
            const { rolled, heldUp } = await scene(service);
            const orders = await rolledTwice(service);
            await signIn(page, service.key);
            await take("overview", ["light", "dark", "narrow"]);
            await page.goto(pageOf(orders));
            await take("webhook", ["light", "dark", "narrow"]);
            await page.goto(`${pageOf(rolled)}/roll`);
            await isAt(page, "Roll the secret of Invoices");
            await take("roll", ["light"]);
            await page.goto("/console/p/default/penalty-box");
            await take("penalty-box", ["light", "narrow"]);
            await page.goto(`${pageOf(heldUp)}/penalty-box`);
            await take("held-up", ["light"]);
            await page.goto("/console/p/default/actions?object_type=WEBHOOK");
            await take("actions", ["light"]);
            await page.getByRole("button", { name: "Sign out" }).click();
            await signIn(page, await service.keyOf("*"));
            await page.goto("/console/p/default/audit/verify");
            await page.getByRole("button", { name: "Verify the chain" }).click();
            await page.getByText("The chain is whole").waitFor();
            await take("audit-chain", ["light"]);
        });
    } finally {
        await service.stop();
    }
    return made;
}

/** A webhook with a key that has ended, one that is retired, and a current one, whose receiver shows with receipts what it verifies with. */
async function rolledTwice(service) {
    let secret;
    const receipt = ({ headers }) => {
        const key = Buffer.from(secret.slice("whsec_".length), "base64");
        const mac = createHmac("sha256", key).update(`receipt.${headers["webhook-id"]}.${headers["webhook-timestamp"]}`);
        return { "webhook-receipt": `v1,${mac.digest("base64")}` };
    };
    const settings = { name: "Orders", included_actions: ["QUOTE.CREATED"], url: await service.receiver(200, receipt) };
    const webhook = await service.webhook(settings);
    secret = webhook.secret_key;
    const here = `/webhooks/${webhook.id}`;
    const adopt = async () => {
        await service.api("POST", "/events", { type: "QUOTE.CREATED", data: {} });
        const newest = async () => (await service.api("GET", `/webhook-events?webhook_id=${webhook.id}`)).data[0];
        await until(async () => (await newest()).status === "SUCCEEDED");
        await new Promise((resolve) => setTimeout(resolve, 1_500));
    };
    const roll = async (seconds) => {
        const rolled = await service.api("PATCH", `${here}/secret-key?previous_secret_expires_in=${seconds}`);
        secret = rolled.secret_key;
    };
    await adopt();
    await roll(0);
    await adopt();
    await service.api("POST", `${here}/secret-key/check`);
    await roll(9);
    await adopt();
    return webhook;
}

async function shoot(page, folder, name, { colorScheme, size, most }) {
    const path = join(folder, name);
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(size);
    // Hiding the caret would need a style of its own, which the console's policy forbids.
    const height = await page.evaluate(() => document.documentElement.scrollHeight);
    const clip = { x: 0, y: 0, width: size.width, height: Math.min(height, most) };
    await page.screenshot({ path, fullPage: true, clip, caret: "initial" });
    await promisify(execFile)("pngquant", ["--force", "--ext", ".png", "--strip", "--speed", "1", "32", path]);
    const { size: bytes } = await stat(path);
    if (bytes > MOST_BYTES) throw new Error(`${name} has ${bytes} bytes`);
    return bytes;
}
