-- migrate:up
-- What was made of a call after its end: summary and sentiment have their columns; these are the rest. analysis holds how it
-- was made, extracted values and the reason of a failure. Columns without defaults: no row is rewritten.
SET LOCAL lock_timeout = '5s';

ALTER TABLE calls
    ADD COLUMN sentiment_score real,
    ADD COLUMN success boolean,
    ADD COLUMN analysis_status text,
    ADD COLUMN analysis jsonb,
    ADD CONSTRAINT calls_analysis_status_check
        CHECK (analysis_status IN ('pending', 'done', 'failed', 'skipped')) NOT VALID,
    ADD CONSTRAINT calls_sentiment_score_check CHECK (sentiment_score BETWEEN -1 AND 1) NOT VALID;

-- migrate:down
SET LOCAL lock_timeout = '5s';
ALTER TABLE calls
    DROP COLUMN sentiment_score,
    DROP COLUMN success,
    DROP COLUMN analysis_status,
    DROP COLUMN analysis;
