//! The tables, as both dialects have them. The migrations make them; a test compares the two trees.

diesel::table! {
    webhooks (id) {
        id -> Text,
        platform -> Text,
        name -> Nullable<Text>,
        reference -> Nullable<Text>,
        active -> Bool,
        include_previous_data -> Bool,
        authentication_type -> Text,
        username -> Nullable<Text>,
        password -> Nullable<Binary>,
        api_header_field -> Nullable<Text>,
        api_key -> Nullable<Binary>,
        custom_headers -> Nullable<Binary>,
        previous_credentials -> Nullable<Binary>,
        url -> Nullable<Text>,
        included_actions -> Nullable<Text>,
        excluded_actions -> Nullable<Text>,
        signing_protocol -> Text,
        secret_rotation_days -> Nullable<BigInt>,
        secret_rotates_automatically -> Bool,
        key_ring -> Binary,
        created_at -> BigInt,
        updated_at -> BigInt,
        version -> BigInt,
        last_audit -> Nullable<BigInt>,
    }
}

diesel::table! {
    webhook_updates (platform, updated_at, webhook_id) {
        platform -> Text,
        updated_at -> BigInt,
        webhook_id -> Text,
    }
}

diesel::table! {
    key_expiries (expires_at, webhook_id) {
        expires_at -> BigInt,
        webhook_id -> Text,
        platform -> Text,
    }
}

diesel::table! {
    credential_expiries (webhook_id) {
        webhook_id -> Text,
        expires_at -> BigInt,
    }
}

diesel::table! {
    roll_dues (webhook_id) {
        webhook_id -> Text,
        platform -> Text,
        due_at -> BigInt,
        counted_from -> BigInt,
        since -> BigInt,
        is_done -> Bool,
    }
}

diesel::table! {
    platforms (platform) {
        platform -> Text,
        webhooks -> BigInt,
        routing -> BigInt,
    }
}

diesel::table! {
    audit_records (position) {
        position -> BigInt,
        id -> Text,
        platform -> Text,
        at -> BigInt,
        credential -> Text,
        request_id -> Text,
        action -> Text,
        resource_id -> Text,
        details -> Text,
        previous -> Nullable<BigInt>,
        mac -> Binary,
    }
}

diesel::table! {
    audit_ends (resource_id) {
        resource_id -> Text,
        last_audit -> BigInt,
    }
}

diesel::table! {
    audit_chain (id) {
        id -> BigInt,
        chain_key -> Binary,
        position -> BigInt,
        mac -> Binary,
        seal -> Binary,
        sealed_under -> Text,
        #[sql_name = "schema_level"]
        oldest_level -> BigInt,
        newest_id -> Text,
        newest_level -> BigInt,
    }
}

diesel::table! {
    idempotent_answers (slot) {
        slot -> Binary,
        fingerprint -> Binary,
        answer -> Binary,
        stored_at -> BigInt,
    }
}

diesel::table! {
    api_keys (id) {
        id -> Text,
        scope -> Text,
        permissions -> Text,
        digest -> Binary,
        created_at -> BigInt,
        expires_at -> Nullable<BigInt>,
        revoked_at -> Nullable<BigInt>,
        name -> Nullable<Text>,
        last_audit -> Nullable<BigInt>,
    }
}

diesel::table! {
    master_keys (id) {
        id -> Text,
        proof -> Binary,
        bridge -> Nullable<Binary>,
    }
}

diesel::table! {
    events (id) {
        id -> Text,
        platform -> Text,
        action -> Text,
        created_at -> BigInt,
        original_request_id -> Nullable<Text>,
        data -> Binary,
        previous_data -> Nullable<Binary>,
        trace -> Nullable<Text>,
    }
}

diesel::table! {
    deliveries (webhook_id, position) {
        position -> BigInt,
        id -> Text,
        event_id -> Text,
        webhook_id -> Text,
        platform -> Text,
        action -> Text,
        include_previous_data -> Bool,
        created_at -> BigInt,
        status -> Text,
        ended_at -> Nullable<BigInt>,
        attempts -> Text,
        tried -> BigInt,
        // And `early_at`, which concerns those alone who read what waits in order to send it.
    }
}

diesel::table! {
    // SQLite's alone: PostgreSQL has a sequence of this name.
    delivery_positions (id) {
        id -> BigInt,
        position -> BigInt,
    }
}

diesel::table! {
    subscriptions (platform, action, webhook_id) {
        platform -> Text,
        action -> Text,
        webhook_id -> Text,
        ruled_out -> Bool,
        include_previous_data -> Bool,
    }
}

diesel::table! {
    failed_deliveries (position) {
        position -> BigInt,
        platform -> Text,
    }
}

diesel::table! {
    key_uses (platform, fingerprint, webhook_id) {
        platform -> Text,
        fingerprint -> Text,
        webhook_id -> Text,
        first_position -> BigInt,
    }
}

diesel::table! {
    signing_keys (platform, fingerprint, webhook_id) {
        platform -> Text,
        fingerprint -> Text,
        webhook_id -> Text,
        protocol -> Nullable<Text>,
        made_at -> Nullable<BigInt>,
        ended_at -> Nullable<BigInt>,
        last_position -> Nullable<BigInt>,
    }
}

diesel::table! {
    key_reading (id) {
        id -> BigInt,
        position -> BigInt,
    }
}

diesel::table! {
    fan_outs (platform, number) {
        platform -> Text,
        number -> BigInt,
        event_id -> Text,
        recipients -> Text,
    }
}

diesel::table! {
    fan_out_heads (platform) {
        platform -> Text,
        chunks -> BigInt,
    }
}

diesel::table! {
    pending_counts (platform) {
        platform -> Text,
        pending -> BigInt,
    }
}

diesel::table! {
    lanes (webhook_id) {
        webhook_id -> Text,
        owner -> Text,
        done -> BigInt,
        penalty_box -> Nullable<Text>,
        epoch -> BigInt,
        ready_at -> Nullable<BigInt>,
        withdrawn -> BigInt,
        // And `platform`, which is for lists of a platform alone and is not read with a lane.
    }
}

diesel::table! {
    store_samples (id) {
        id -> BigInt,
        count -> BigInt,
        filler -> Binary,
    }
}

diesel::table! {
    processes (id) {
        id -> Text,
        lease_ends_at -> BigInt,
    }
}

diesel::table! {
    key_checks (id) {
        id -> Text,
        webhook_id -> Text,
        host -> Text,
        begun_at -> BigInt,
        on_request -> Bool,
        is_over -> Bool,
    }
}

diesel::table! {
    sessions (digest) {
        digest -> Binary,
        api_key_id -> Text,
        api_key_digest -> Binary,
        began_at -> BigInt,
        used_at -> BigInt,
    }
}

diesel::table! {
    untold_events (id) {
        id -> Text,
        platform -> Text,
        action -> Text,
        created_at -> BigInt,
        original_request_id -> Nullable<Text>,
        data -> Binary,
        previous_data -> Nullable<Binary>,
        trace -> Nullable<Text>,
    }
}

diesel::table! {
    rotations (id) {
        id -> Text,
        platform -> Text,
        status -> Text,
        running_on -> Nullable<Text>,
        stop_reason -> Nullable<Text>,
        orders -> Text,
        begun_by -> Text,
        request_id -> Text,
        created_at -> BigInt,
        finished_at -> Nullable<BigInt>,
        total -> BigInt,
        rolled -> BigInt,
        skipped -> BigInt,
        failed -> BigInt,
        runner -> Nullable<Text>,
        epoch -> BigInt,
        claimed_until -> BigInt,
    }
}

diesel::table! {
    rotation_webhooks (rotation_id, number) {
        rotation_id -> Text,
        number -> BigInt,
        webhook_id -> Text,
        outcome -> Nullable<Text>,
        reason -> Nullable<Text>,
        key_id -> Nullable<Text>,
        settled_at -> Nullable<BigInt>,
        adopted -> Bool,
        key_before -> Nullable<Text>,
    }
}

diesel::table! {
    delivery_pause (id) {
        id -> BigInt,
        since -> BigInt,
        reason -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    credential_expiries,
    deliveries,
    events,
    failed_deliveries,
    fan_outs,
    lanes,
    roll_dues,
    webhooks
);
diesel::allow_tables_to_appear_in_same_query!(fan_out_heads, platforms);
diesel::allow_tables_to_appear_in_same_query!(key_uses, signing_keys);
diesel::allow_tables_to_appear_in_same_query!(audit_records, audit_chain);
