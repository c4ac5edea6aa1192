// What is installed from npm. `.ci/console` puts it beside what is built, not beside these files.
import { createRequire } from "node:module";

const installed = createRequire(`${process.env.BROWSER_MODULES}/`);

export const { chromium } = installed("playwright-core");
export const { AxeBuilder } = installed("@axe-core/playwright");
