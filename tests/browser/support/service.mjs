// A built service on a throw-away SQLite database, with a first API key.
import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const PATIENCE = 60_000;

export class Service {
    #process;
    #folder;
    #environment;
    #receivers = [];
    /** Where it listens. */
    url;
    /** The API key of every permission on the platform `default`. */
    key;

    static async start() {
        const service = new Service();
        service.#folder = await mkdtemp(join(tmpdir(), "console-"));
        service.#environment = {
            PATH: process.env.PATH,
            WEBHOOK_LISTEN: "127.0.0.1:0",
            WEBHOOK_METRICS_LISTEN: "",
            WEBHOOK_ALLOW_HTTP: "true",
            WEBHOOK_ALLOWED_NETWORKS: "127.0.0.0/8",
        };
        service.#process = spawn(process.env.WEBHOOK_SERVER_BIN, [], {
            cwd: service.#folder,
            env: service.#environment,
            stdio: ["ignore", "pipe", "pipe"],
        });
        service.url = `http://${await listening(service.#process)}`;
        const file = join(service.#folder, "webhook-data/first-api-key");
        service.key = (await readFile(file, "utf8")).trim();
        return service;
    }

    async stop() {
        this.#receivers.forEach((receiver) => receiver.close());
        const ended = new Promise((resolve) => this.#process.once("exit", resolve));
        this.#process.kill("SIGKILL");
        await ended;
        await rm(this.#folder, { recursive: true });
    }

    /** An API key of `platform` with every permission, made on the command line. */
    async keyOf(platform) {
        const options = { cwd: this.#folder, env: this.#environment };
        const command = ["api-key", "create", "--platform", platform, "--all-permissions"];
        const { stdout } = await promisify(execFile)(process.env.WEBHOOK_SERVER_BIN, command, options);
        return stdout.trim();
    }

    /** What the API answers, which must be a success. */
    async api(method, path, body, key = this.key) {
        const answer = await fetch(`${this.url}/v1${path}`, {
            method,
            headers: { "x-api-key": key, "content-type": "application/json" },
            body: body && JSON.stringify(body),
        });
        const text = await answer.text();
        if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
        return text && JSON.parse(text);
    }

    /** Makes a webhook. Without a `url` it delivers nowhere. */
    webhook(settings, key) {
        return this.api("POST", "/webhooks", { name: null, reference: null, url: null, ...settings }, key);
    }

    /** The address of a receiver that answers every delivery with `status`, which may be a function of the request, and with the headers that
     *  `headersFor` makes of it. */
    async receiver(status, headersFor = () => ({})) {
        const server = createServer((request, response) => {
            request.resume();
            response.writeHead(typeof status === "function" ? status(request) : status, headersFor(request)).end();
        });
        await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
        this.#receivers.push(server);
        return `http://127.0.0.1:${server.address().port}/webhooks`;
    }
}

// The address is in the log. What it logs afterwards is read and dropped: a full pipe would stop it.
function listening(server) {
    return new Promise((resolve, reject) => {
        let log = "";
        const fail = (why) => reject(new Error(`the service ${why}:\n${log}`));
        const timer = setTimeout(fail, PATIENCE, "does not listen");
        const read = (text) => {
            log = (log + text).slice(-20_000);
            const address = log.match(/"message":"listening","server.address":"([^"]+)"/);
            if (!address) return;
            clearTimeout(timer);
            resolve(address[1]);
        };
        server.stdout.on("data", read);
        server.stderr.on("data", read);
        server.once("error", reject);
        server.once("exit", () => fail("ended"));
    });
}
