// What every page must hold, however it is looked at.
import assert from "node:assert/strict";
import { AxeBuilder } from "./modules.mjs";

export const NARROW = { width: 320, height: 640 };
export const WIDE = { width: 1280, height: 800 };

// Both colours and both widths in two runs, because no colour depends on the width.
const LOOKS = [["light", WIDE], ["dark", NARROW]];

/** axe finds nothing and nothing has to be scrolled sideways: light and dark, narrow and wide. */
export async function looksRight(page, what) {
    for (const [colorScheme, size] of LOOKS) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize(size);
        await fits(page, what);
        // Without this mode each run opens one more page, for frames of other origins: there are none.
        const axe = new AxeBuilder({ page }).setLegacyMode(true).options({ rules: { "target-size": { enabled: true } } });
        const { violations } = await axe.analyze();
        const found = violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html}\n${node.failureSummary}`));
        assert.deepEqual(found, [], `axe on ${what}, ${colorScheme}, ${size.width} px`);
    }
}

/** The page is not wider than the window. */
export async function fits(page, what) {
    const { wide, widest } = await page.evaluate(() => {
        const root = document.documentElement;
        const isScrolled = (it) => it.closest(".scroll") !== null;
        const beyond = [...document.body.querySelectorAll("*")].filter(
            (it) => !isScrolled(it) && !it.closest(".skip") && it.getBoundingClientRect().right > root.clientWidth + 1
        );
        return { wide: root.scrollWidth - root.clientWidth, widest: beyond.map((it) => it.outerHTML.slice(0, 120)) };
    });
    assert.deepEqual({ wide, widest }, { wide: 0, widest: [] }, `${what} is not wider than the window`);
}
