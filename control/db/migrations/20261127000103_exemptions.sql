-- migrate:up
-- Which workspaces the staff exempted from which rule, who did and why. The rules themselves read the flags in billing_accounts; a program before this one writes
-- only these.
SET LOCAL lock_timeout = '5s';

CREATE TABLE exemptions (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL REFERENCES workspaces ON DELETE CASCADE,
    rule text NOT NULL CHECK (rule IN ('tax', 'payment_method')),
    reason text NOT NULL,
    granted_by text,                    -- e-mail address of the administrator; NULL: not recorded
    granted_at timestamptz NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (workspace_id, rule)
);
ALTER TABLE exemptions ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant ON exemptions USING (
    (SELECT current_scope() = 'platform') OR workspace_id = (SELECT current_workspace())
);

INSERT INTO exemptions (id, workspace_id, rule, reason, granted_at)
SELECT gen_random_uuid(), a.workspace_id, flags.rule, '', a.updated_at
FROM billing_accounts a
JOIN workspaces w ON w.id = a.workspace_id
CROSS JOIN LATERAL (VALUES ('tax', a.is_tax_exempt), ('payment_method', a.is_payment_method_exempt)) AS flags (rule, is_set)
WHERE flags.is_set;

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE exemptions;
