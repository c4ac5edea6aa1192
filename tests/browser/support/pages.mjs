// The table of the console's pages, as its source has it: a page that is added is in every test that asks for all.
import { readFile } from "node:fs/promises";

const TABLE = new URL("../../../crates/webhook-console-actix/src/routes.rs", import.meta.url);

/** Of each path its methods: `{ path: "/console/p/{platform}/webhooks", methods: ["GET"] }`. */
export async function pagesOfPlatforms() {
    const source = await readFile(TABLE, "utf8");
    const groups = [...source.matchAll(/^pages! \{ \w+ below "(\/p\/[^"]*)":\n(.*?)^\}/gms)];
    const rows = groups.flatMap(([, prefix, table]) =>
        [...table.matchAll(/^ {4}"([^"]*)": (.*);$/gm)].map(([, path, handlers]) => ({
            path: `/console${prefix}${path}`,
            methods: [...handlers.matchAll(/\b([A-Z]+) [a-z]/g)].map(([, method]) => method),
        })),
    );
    if (rows.length < 10) throw new Error("the table of pages in routes.rs is written in another way now");
    return rows;
}

/** `path` with a platform, and the ids of `scene` in it. */
export function filled(path, platform, scene) {
    const [, kind] = path.match(/^\/console\/p\/\{platform\}\/([^/]*)/);
    return path
        .replace("{platform}", platform)
        .replace("{id}", () => scene.ids[kind] ?? unknown(path))
        .replace("{fingerprint}", scene.fingerprint)
        .replace(/\{.*\}/, unknown);
}

function unknown(path) {
    throw new Error(`support/scene.mjs makes nothing that has an id for ${path}`);
}
