// What somebody does who has a keyboard and no mouse.
import assert from "node:assert/strict";
import { isAt } from "./browser.mjs";

const MOST_STOPS = 60;

/** Presses Tab until what has the focus is called `name`, for the `which`th time. Each stop on the way must be seen to have the focus. */
export async function tabTo(page, name, which = 1) {
    const passed = [];
    for (let left = which; passed.length < MOST_STOPS; ) {
        await page.keyboard.press("Tab");
        const focused = await page.evaluate(() => {
            const it = document.activeElement;
            const style = getComputedStyle(it);
            const label = it.labels?.[0] ?? it;
            return {
                name: (it.getAttribute("aria-label") ?? label.innerText).trim(),
                isSeen: it === document.body || (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2),
            };
        });
        passed.push(focused.name);
        assert.ok(focused.isSeen, `"${focused.name}" does not show that it has the focus`);
        if (focused.name === name && --left === 0) return;
    }
    assert.fail(`"${name}" is not reached by Tab: ${passed.join(", ")}`);
}

/** Presses `key`, which leads to a new page with `heading`. */
export async function press(page, key, heading) {
    await Promise.all([page.waitForEvent("domcontentloaded"), page.keyboard.press(key)]);
    await isAt(page, heading);
}
