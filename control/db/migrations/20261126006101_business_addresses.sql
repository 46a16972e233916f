-- migrate:up
-- What carriers require of the holder of a number: addresses, each registered at every carrier by a job, and documents
-- that the carrier has (regulatory bundles at Twilio, requirement groups at Telnyx), linked by the staff.
SET LOCAL lock_timeout = '5s';

CREATE TABLE business_addresses (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    customer_name text NOT NULL,
    street text NOT NULL,
    street_secondary text NOT NULL DEFAULT '',
    city text NOT NULL,
    region text NOT NULL,
    postal_code text NOT NULL,
    country text NOT NULL,                   -- ISO 3166-1 alpha-2
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'deleting')),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (workspace_id, id)
);
CREATE INDEX business_addresses_workspace ON business_addresses (workspace_id, created_at DESC, id DESC);
CREATE INDEX business_addresses_deleting ON business_addresses (updated_at) WHERE status = 'deleting';
ALTER TABLE business_addresses ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON business_addresses
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

CREATE TABLE address_registrations (
    address_id uuid NOT NULL,
    carrier text NOT NULL,
    workspace_id uuid NOT NULL,
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'registered', 'rejected')),
    status_detail text,                      -- why it was rejected
    carrier_address_id text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (address_id, carrier),
    FOREIGN KEY (workspace_id, address_id) REFERENCES business_addresses (workspace_id, id) ON DELETE CASCADE
);
CREATE INDEX address_registrations_workspace ON address_registrations (workspace_id, address_id);
CREATE INDEX address_registrations_pending ON address_registrations (updated_at) WHERE status = 'pending';
ALTER TABLE address_registrations ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON address_registrations
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

CREATE TABLE regulatory_bundles (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    carrier text NOT NULL,
    carrier_bundle_id text NOT NULL,
    name text NOT NULL DEFAULT '',
    country text NOT NULL,
    number_kind text NOT NULL,               -- of the numbers that it is for: local, mobile, national, toll_free, …
    status text NOT NULL CHECK (status IN ('draft', 'in_review', 'approved', 'rejected', 'expired')),
    valid_until timestamptz,
    carrier_address_ids text[] NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    checked_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (workspace_id, id),
    UNIQUE (carrier, carrier_bundle_id)      -- documents of one business are of one workspace
);
CREATE INDEX regulatory_bundles_workspace ON regulatory_bundles (workspace_id, created_at DESC, id DESC);
CREATE INDEX regulatory_bundles_checked ON regulatory_bundles (checked_at);
ALTER TABLE regulatory_bundles ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON regulatory_bundles
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- The address and the bundle that a number is bought under. Imported numbers were the account's before, not bought.
ALTER TABLE phone_numbers
    ADD COLUMN is_imported boolean NOT NULL DEFAULT false,
    ADD COLUMN address_id uuid,
    ADD COLUMN bundle_id uuid,
    ADD FOREIGN KEY (workspace_id, address_id) REFERENCES business_addresses (workspace_id, id)
        ON DELETE SET NULL (address_id),
    ADD FOREIGN KEY (workspace_id, bundle_id) REFERENCES regulatory_bundles (workspace_id, id)
        ON DELETE SET NULL (bundle_id);

-- migrate:down
SET LOCAL lock_timeout = '5s';
ALTER TABLE phone_numbers DROP COLUMN address_id, DROP COLUMN bundle_id, DROP COLUMN is_imported;
DROP TABLE regulatory_bundles;
DROP TABLE address_registrations;
DROP TABLE business_addresses;
