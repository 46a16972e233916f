-- migrate:up
-- Since when a workspace uses the platform's key of a provider again: its calls before that were under a key of its own,
-- and are left out of the provider's figures. Null: it never had one. Programs before this one do not read it.
SET LOCAL lock_timeout = '5s';
ALTER TABLE workspace_providers ADD COLUMN platform_key_since timestamptz;

-- migrate:down
SET LOCAL lock_timeout = '5s';
ALTER TABLE workspace_providers DROP COLUMN platform_key_since;
