// A platform with something on every page.

/**
 * On the platform of `key`, a webhook that was rolled, one that is held up, and one beside them. `ids` has an id for each kind of page, and
 * `fingerprint` is of the key that the roll retired.
 */
export async function scene(service, key = service.key) {
    const api = (method, path, body) => service.api(method, path, body, key);
    const made = await service.webhook({ name: "Invoices", reference: "billing-1", url: await service.receiver(200) }, key);
    const heldUp = await service.webhook({ name: "Shipments", url: await service.receiver(503) }, key);
    const others = { excluded_actions: ["INVOICE.CREATED"], url: "https://archive.example.com/webhooks" };
    const archive = await service.webhook({ name: "Archive", reference: "archive", ...others }, key);
    const rolled = await api("PATCH", `/webhooks/${made.id}/secret-key`);
    await api("POST", `/webhooks/${made.id}/secret-key/check`);
    await api("POST", "/events", { type: "INVOICE.CREATED", data: { id: "inv_1", total: "12.00" } });
    await until(async () => (await api("GET", `/webhooks/${heldUp.id}`)).penalty_box !== null);
    const campaign = { filter: { ids: [archive.id] }, spread_seconds: 3600, confirm_total: 1 };
    const first = async (list) => (await api("GET", list)).data[0].id;
    const ids = {
        webhooks: made.id,
        deliveries: await first(`/webhook-events?webhook_id=${heldUp.id}`),
        "api-keys": (await api("POST", "/api-keys", { name: "Reports", permissions: ["WEBHOOK.VIEW"] })).id,
        campaigns: (await api("POST", "/rotations", campaign)).id,
        audit: await first("/audit-records"),
    };
    return { key, rolled, heldUp, ids, fingerprint: await fingerprint(made.secret_key) };
}

/** A fingerprint, made as docs/leaked-key.md says. */
async function fingerprint(secret) {
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(secret));
    return `sha256:${Buffer.from(digest).toString("hex").slice(0, 16)}`;
}

/** Waits until `holds`. */
export async function until(holds) {
    for (let tries = 0; tries < 300; tries++) {
        if (await holds()) return;
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error("what was waited for did not come");
}
