-- migrate:up
-- What the phone network needs: why a purchase failed, what is under way at a carrier, and which call a leg belongs to.
SET LOCAL lock_timeout = '5s';

ALTER TABLE phone_numbers ADD COLUMN status_detail text;
CREATE INDEX phone_numbers_pending ON phone_numbers (updated_at) WHERE status IN ('buying', 'releasing');
CREATE INDEX webhook_events_leg ON webhook_events ((payload #>> '{data,payload,call_leg_id}'))
    WHERE source = 'telnyx' AND event_type = 'call.initiated';

-- migrate:down
SET LOCAL lock_timeout = '5s';
DROP INDEX webhook_events_leg;
DROP INDEX phone_numbers_pending;
ALTER TABLE phone_numbers DROP COLUMN status_detail;
