-- migrate:up
SET LOCAL lock_timeout = '5s';

-- A workspace's OpenID Connect provider.
CREATE TABLE sso_connections (
    workspace_id uuid PRIMARY KEY REFERENCES workspaces ON DELETE CASCADE,
    issuer text NOT NULL,
    client_id text NOT NULL,
    client_secret bytea NOT NULL,            -- sealed
    default_role text NOT NULL CHECK (default_role IN ('admin', 'member', 'viewer')),
    is_enforced boolean NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);

-- Domains whose addresses the provider may speak for, once DNS proves that the workspace has them.
CREATE TABLE sso_domains (
    id uuid PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    domain text NOT NULL CHECK (domain = lower(domain)),
    proof text NOT NULL,                     -- what the TXT record must say
    created_at timestamptz NOT NULL,
    verified_at timestamptz,
    UNIQUE (workspace_id, domain)
);
CREATE UNIQUE INDEX sso_domains_verified ON sso_domains (domain) WHERE verified_at IS NOT NULL;

-- Sign-ins that were begun, each used once.
CREATE TABLE sso_flows (
    state_hash bytea PRIMARY KEY,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    client_hash bytea NOT NULL,              -- of the token of the client that began it
    sealed bytea NOT NULL,                   -- nonce and code verifier
    expires_at timestamptz NOT NULL
);
CREATE INDEX sso_flows_expiry ON sso_flows (expires_at);
CREATE INDEX sso_flows_workspace ON sso_flows (workspace_id);

-- Whom the provider means by a subject: addresses may change there, and be given to somebody else.
CREATE TABLE sso_identities (
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    subject text NOT NULL,
    user_id uuid NOT NULL REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (workspace_id, subject)
);
CREATE INDEX sso_identities_user ON sso_identities (user_id);

ALTER TABLE sso_connections ENABLE ROW LEVEL SECURITY;
ALTER TABLE sso_domains ENABLE ROW LEVEL SECURITY;
ALTER TABLE sso_flows ENABLE ROW LEVEL SECURITY;
ALTER TABLE sso_identities ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON sso_connections
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));
CREATE POLICY tenant ON sso_domains
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));
CREATE POLICY tenant ON sso_flows
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));
CREATE POLICY tenant ON sso_identities
    USING ((SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace()));

-- The workspace whose provider signed the person in: the session is good there only. No reference, which would cost an
-- index: the session of a workspace that is gone reaches nothing.
ALTER TABLE sessions ADD COLUMN sso_workspace_id uuid;

CREATE OR REPLACE FUNCTION member_refusal(session uuid, workspace uuid) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT CASE
        WHEN s.sso_workspace_id <> w.id THEN 'sso_of_another_workspace'
        WHEN s.sso_workspace_id = w.id THEN NULL
        WHEN EXISTS (
            SELECT FROM sso_connections c
            JOIN sso_domains d ON d.workspace_id = c.workspace_id AND d.verified_at IS NOT NULL
            JOIN workspace_members m ON m.workspace_id = c.workspace_id AND m.user_id = u.id AND m.role <> 'owner'
            WHERE c.workspace_id = w.id AND c.is_enforced AND d.domain = split_part(u.email, '@', 2)
        ) THEN 'sso_required'
        WHEN w.settings -> 'second_factor_required' = 'true' AND u.totp_enabled_at IS NULL
            THEN 'second_factor_required'
    END
    FROM workspaces w, sessions s JOIN users u ON u.id = s.user_id
    WHERE w.id = workspace AND s.id = session
$$;

-- migrate:down
SET LOCAL lock_timeout = '5s';
CREATE OR REPLACE FUNCTION member_refusal(session uuid, workspace uuid) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT 'second_factor_required'
    FROM workspaces w, sessions s JOIN users u ON u.id = s.user_id
    WHERE w.id = workspace AND w.settings -> 'second_factor_required' = 'true'
      AND s.id = session AND u.totp_enabled_at IS NULL
$$;
ALTER TABLE sessions DROP COLUMN sso_workspace_id;
DROP TABLE sso_identities;
DROP TABLE sso_flows;
DROP TABLE sso_domains;
DROP TABLE sso_connections;
