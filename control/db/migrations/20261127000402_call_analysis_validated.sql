-- migrate:up
-- Reads all calls, and blocks neither readers nor writers.
SET LOCAL lock_timeout = '5s';
ALTER TABLE calls VALIDATE CONSTRAINT calls_analysis_status_check;
ALTER TABLE calls VALIDATE CONSTRAINT calls_sentiment_score_check;

-- migrate:down
SET LOCAL lock_timeout = '5s';
