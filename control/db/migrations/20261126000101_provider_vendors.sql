-- migrate:up
-- A provider's config names its vendor, the adapter that media makes it with; without one it is the vendor of its own
-- name. Groq speaks OpenAI's protocol at an address of its own. Programs before this one do not read either.
SET LOCAL lock_timeout = '5s';

UPDATE providers
SET config = config || jsonb_build_object(
    'vendor', 'openai',
    'llm', '{"base_url": "https://api.groq.com/openai/v1"}'::jsonb || coalesce(config -> 'llm', '{}')
)
WHERE provider = 'groq' AND NOT config ? 'vendor';

-- migrate:down
SET LOCAL lock_timeout = '5s';
UPDATE providers SET config = (config - 'vendor') #- '{llm,base_url}' WHERE provider = 'groq';
