-- migrate:up
-- Wrong sign-ins are counted for an address at a network, for an address, and for a network. `failed_sign_ins`, which
-- programs before this migration write, is no longer read; it is dropped in a later release.
SET LOCAL lock_timeout = '5s';

CREATE TABLE sign_in_failures (
    audience text NOT NULL CHECK (audience IN ('user', 'admin')),
    subject bytea NOT NULL,                  -- SHA-256 of what is counted
    address_hash bytea,                      -- of the e-mail address; null for the count of a network
    failures integer NOT NULL,
    started_at timestamptz NOT NULL,         -- when the count began
    last_at timestamptz NOT NULL,
    locked_until timestamptz,
    PRIMARY KEY (audience, subject)
);
CREATE INDEX sign_in_failures_address ON sign_in_failures (audience, address_hash);
CREATE INDEX sign_in_failures_last ON sign_in_failures (last_at);

-- Letters that strangers can cause, by recipient and kind.
CREATE TABLE letter_counts (
    recipient bytea PRIMARY KEY,             -- SHA-256 of kind and address
    hour_started_at timestamptz NOT NULL,
    in_hour integer NOT NULL,
    day_started_at timestamptz NOT NULL,
    in_day integer NOT NULL
);
CREATE INDEX letter_counts_day ON letter_counts (day_started_at);

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE letter_counts;
DROP TABLE sign_in_failures;
