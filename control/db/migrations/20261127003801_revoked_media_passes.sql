-- migrate:up
-- Media nodes whose passes for a URL were made before a moment are believed no more. The platform's, not a workspace's.
-- The owner of the tables writes it (`python -m control keys revoke`); programs read it every few seconds.
SET LOCAL lock_timeout = '5s';

CREATE TABLE revoked_media_passes (
    url text PRIMARY KEY,
    made_before timestamptz NOT NULL
);
ALTER TABLE revoked_media_passes ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform ON revoked_media_passes FOR SELECT USING ((SELECT current_scope() = 'platform'));
REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON revoked_media_passes FROM vocalized_app;

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE revoked_media_passes;
