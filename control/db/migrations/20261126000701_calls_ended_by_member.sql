-- migrate:up
-- A call that a member of its workspace ended says so; admin is the platform's staff. Not checked for the rows that are
-- there: the next file does that, without keeping calls from being written.
SET LOCAL lock_timeout = '5s';

ALTER TABLE calls DROP CONSTRAINT calls_end_reason_check;
ALTER TABLE calls ADD CONSTRAINT calls_end_reason_check CHECK (end_reason IN (
    'caller_hangup', 'agent_hangup', 'transferred', 'voicemail', 'max_duration', 'silence', 'spend_limit', 'admin',
    'member', 'carrier_error', 'provider_error', 'media_lost'
)) NOT VALID;

-- migrate:down
SET LOCAL lock_timeout = '5s';
UPDATE calls SET end_reason = 'admin' WHERE end_reason = 'member';
ALTER TABLE calls DROP CONSTRAINT calls_end_reason_check;
ALTER TABLE calls ADD CONSTRAINT calls_end_reason_check CHECK (end_reason IN (
    'caller_hangup', 'agent_hangup', 'transferred', 'voicemail', 'max_duration', 'silence', 'spend_limit', 'admin',
    'carrier_error', 'provider_error', 'media_lost'
));
