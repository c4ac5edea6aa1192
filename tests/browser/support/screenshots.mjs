// Makes the pictures of docs/console.md in the folder that the argument names: light, dark, and on a narrow screen.
import { execFile } from "node:child_process";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { inBrowser, isAt, pageOf, signIn } from "./browser.mjs";
import { NARROW } from "./looks.mjs";
import { scene } from "./scene.mjs";
import { Service } from "./service.mjs";

const MOST_BYTES = 60_000;
/** Of a long page this much is shown. */
const MOST_HEIGHT = { light: 1100, dark: 1100, narrow: 2400 };
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
            await signIn(page, service.key);
            await take("overview", ["light", "dark", "narrow"]);
            await page.goto(pageOf(rolled));
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
        });
    } finally {
        await service.stop();
    }
    return made;
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
