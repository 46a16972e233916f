-- migrate:up
-- What a release shipped of a type: a config that differs from it by the platform's client id only is replaced by the
-- next release's. NULL: of a type that the staff added, or had changed before this column was there.
SET LOCAL lock_timeout = '5s';

ALTER TABLE integration_types ADD COLUMN shipped_config jsonb;

-- migrate:down
SET LOCAL lock_timeout = '5s';

ALTER TABLE integration_types DROP COLUMN shipped_config;
