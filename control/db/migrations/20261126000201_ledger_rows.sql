-- migrate:up
-- The ledger: one row for each event of usage, with our cost and the customer's price by the price versions that held at
-- `at`. An unknown cost or price is null, never 0. Programs before this one do not write usage_records; of its days they
-- sum up costs, which are null where no row has one, so the roll-up takes nulls, too. The table is empty but for generated
-- data, so that its indexes are built at once.
SET LOCAL lock_timeout = '5s';

ALTER TABLE usage_records
    ADD COLUMN seq integer CHECK (seq >= 0),         -- of the event that the row was made from
    ADD COLUMN entry text NOT NULL DEFAULT 'usage'   -- an adjustment makes the sums of a call those of a later fact
        CHECK (entry IN ('usage', 'adjustment')),
    ADD COLUMN vendor text NOT NULL DEFAULT '',
    ADD COLUMN model text NOT NULL DEFAULT '',
    ADD COLUMN estimated boolean NOT NULL DEFAULT false,
    ADD COLUMN cost_version bigint,                  -- price_versions.id that cost and price were computed by
    ADD COLUMN price_version bigint,
    ADD COLUMN recorded_at timestamptz NOT NULL DEFAULT now(),
    ALTER COLUMN cost DROP NOT NULL,
    ALTER COLUMN price DROP NOT NULL;
CREATE UNIQUE INDEX usage_records_event ON usage_records (call_id, seq, at) WHERE seq IS NOT NULL;
CREATE INDEX usage_records_unpriced ON usage_records (at) WHERE cost IS NULL OR price IS NULL;

ALTER TABLE usage_daily
    ADD COLUMN unpriced integer NOT NULL DEFAULT 0,  -- rows whose cost or price is unknown; they count as 0 in the sums
    ALTER COLUMN cost DROP NOT NULL,
    ALTER COLUMN price DROP NOT NULL;

-- migrate:down
-- Cost and price stay nullable, because the ledger may have such rows and none of its rows can be changed.
SET LOCAL lock_timeout = '5s';
ALTER TABLE usage_daily DROP COLUMN unpriced;
DROP INDEX usage_records_unpriced, usage_records_event;
ALTER TABLE usage_records
    DROP COLUMN seq, DROP COLUMN entry, DROP COLUMN vendor, DROP COLUMN model, DROP COLUMN estimated,
    DROP COLUMN cost_version, DROP COLUMN price_version, DROP COLUMN recorded_at;
