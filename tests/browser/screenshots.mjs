// The pictures of docs/console.md can be made.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { takeScreenshots } from "./support/screenshots.mjs";

const wanted = process.env.SCREENSHOTS;

test("the screenshots can be made", { timeout: 120_000 }, async () => {
    const folder = wanted ?? (await mkdtemp(join(tmpdir(), "screenshots-")));
    try {
        const made = await takeScreenshots(folder);
        assert.equal(Object.keys(made).length, 13);
        if (wanted) console.log(made);
    } finally {
        if (!wanted) await rm(folder, { recursive: true });
    }
});
