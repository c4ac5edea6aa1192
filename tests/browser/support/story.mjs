// One story: a service of its own, a browser of its own.
import { test } from "node:test";
import { inBrowser } from "./browser.mjs";
import { Service } from "./service.mjs";

/** A test. `options` are those of the browser's context, and `expects`: what the browser may complain of. */
export function story(name, options, tell) {
    test(name, { timeout: 120_000 }, async () => {
        const service = await Service.start();
        try {
            await inBrowser(service, options, (page, context) => tell({ service, page, context }));
        } finally {
            await service.stop();
        }
    });
}
