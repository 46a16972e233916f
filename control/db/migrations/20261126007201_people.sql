-- migrate:up
-- Limits that count people: whose addresses lead to one mailbox, and when a user's trial began. Programs before this one
-- read and write none of it.
SET LOCAL lock_timeout = '5s';

-- One value for all addresses of a mailbox: what follows a plus is the reader's own (RFC 5233), and Gmail ignores dots
-- (support.google.com/mail/answer/7436150). A digest, because it outlives the account.
CREATE FUNCTION email_identity(email text) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN sha256(convert_to(
    CASE WHEN split_part(lower(email), '@', 2) IN ('gmail.com', 'googlemail.com')
         THEN replace(split_part(split_part(lower(email), '@', 1), '+', 1), '.', '') || '@gmail.com'
         ELSE split_part(split_part(lower(email), '@', 1), '+', 1) || '@' || split_part(lower(email), '@', 2) END,
    'UTF8'));

CREATE FUNCTION phone_identity(phone_number text) RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN sha256(convert_to(phone_number, 'UTF8'));

-- Deleted users, by what they had confirmed: signing up again begins no new trial.
CREATE TABLE former_users (
    user_id uuid NOT NULL,
    identity bytea NOT NULL,                            -- email_identity or phone_identity
    deleted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, identity)
);
CREATE INDEX former_users_identity ON former_users (identity);

-- When a user's trial began and ends. No reference: it outlives workspaces and account.
CREATE TABLE user_trials (
    user_id uuid PRIMARY KEY,
    began_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    CHECK (ends_at >= began_at)
);
INSERT INTO user_trials (user_id, began_at, ends_at)
    SELECT created_by, min(created_at), max(trial_ends_at) FROM workspaces
    WHERE created_by IS NOT NULL AND trial_ends_at >= created_at GROUP BY created_by;

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE user_trials, former_users;
DROP FUNCTION email_identity(text), phone_identity(text);
