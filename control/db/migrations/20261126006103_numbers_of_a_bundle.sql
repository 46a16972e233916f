-- migrate:up transaction:false
-- Whether a number is held under a bundle that is to be unlinked.
CREATE INDEX CONCURRENTLY phone_numbers_bundle ON phone_numbers (bundle_id) WHERE bundle_id IS NOT NULL;

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY phone_numbers_bundle;
