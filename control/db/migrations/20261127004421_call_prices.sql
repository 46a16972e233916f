-- migrate:up
-- Carriers bill the detection of answering machines by the call. The programs before know no such unit and ask for none.
-- The table is small: a row for each price that ever was.
SET LOCAL lock_timeout = '5s';

ALTER TABLE price_versions DROP CONSTRAINT price_versions_unit_check;
ALTER TABLE price_versions ADD CONSTRAINT price_versions_unit_check CHECK (unit IN
    ('minute', 'call', 'thousand_characters', 'million_prompt_tokens', 'million_cached_tokens',
     'million_cache_write_tokens', 'million_completion_tokens'));

-- migrate:down
SET LOCAL lock_timeout = '5s';

-- Prices are never deleted, so those of this unit stay; the old check holds for new rows only.
ALTER TABLE price_versions DROP CONSTRAINT price_versions_unit_check;
ALTER TABLE price_versions ADD CONSTRAINT price_versions_unit_check CHECK (unit IN
    ('minute', 'thousand_characters', 'million_prompt_tokens', 'million_cached_tokens',
     'million_cache_write_tokens', 'million_completion_tokens'))
    NOT VALID;
