-- migrate:up
-- All prices. A change is a new version; the one with the latest valid_from at a moment holds. None begins in the past,
-- so that a row of the ledger, once computed, would be computed the same again.
SET LOCAL lock_timeout = '5s';

CREATE TABLE price_versions (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    side text NOT NULL CHECK (side IN ('cost', 'price')),  -- what we pay, what the customer pays
    provider text NOT NULL,                  -- of a cost: the provider or carrier; of a price: the workspace's tier
    role text NOT NULL CHECK (role IN ('stt', 'llm', 'tts', 'telephony', 'call_minutes')),
    model text NOT NULL CHECK (model <> ''), -- '*': any other; of telephony: inbound or outbound
    unit text NOT NULL CHECK (unit IN
        ('minute', 'thousand_characters', 'million_prompt_tokens', 'million_cached_tokens', 'million_completion_tokens')),
    price numeric(18, 9) NOT NULL CHECK (price >= 0),
    currency text NOT NULL DEFAULT 'USD' CHECK (currency ~ '^[A-Z]{3}$'),
    source text NOT NULL CHECK (source IN ('shipped', 'operator', 'tier')),
    created_at timestamptz NOT NULL DEFAULT now(),
    valid_from timestamptz NOT NULL,
    CHECK (valid_from >= created_at),
    UNIQUE (side, provider, role, model, unit, valid_from)
);
CREATE TRIGGER price_versions_append_only BEFORE UPDATE OR DELETE ON price_versions
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
ALTER TABLE price_versions ENABLE ROW LEVEL SECURITY;
CREATE POLICY platform ON price_versions USING ((SELECT current_scope() = 'platform'));
REVOKE UPDATE, DELETE, TRUNCATE ON price_versions FROM vocalized_app;

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP TABLE price_versions;
