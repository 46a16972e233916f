-- migrate:up
-- Phone numbers that users showed to be theirs, and the codes that calls speak for it. Programs before this one read and
-- write none of it.
SET LOCAL lock_timeout = '5s';

CREATE TABLE verified_numbers (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    phone_number text NOT NULL CHECK (phone_number ~ '^\+[1-9][0-9]{1,14}$'),
    verified_at timestamptz NOT NULL,
    UNIQUE (user_id, phone_number)
);
-- Who shares a phone is one person.
CREATE INDEX verified_numbers_identity ON verified_numbers (phone_identity(phone_number));

CREATE TABLE phone_codes (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    user_id uuid NOT NULL,
    phone_number text NOT NULL,
    call_id uuid NOT NULL UNIQUE,                       -- of the call that speaks the code
    language text NOT NULL,
    code bytea NOT NULL,                                -- sealed
    failures integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX phone_codes_workspace ON phone_codes (workspace_id, created_at);
CREATE INDEX phone_codes_number ON phone_codes (phone_number, created_at);
ALTER TABLE phone_codes ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON phone_codes
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE phone_codes, verified_numbers;
