-- migrate:up transaction:false
-- Whether a number is held under an address that is to be deleted.
CREATE INDEX CONCURRENTLY phone_numbers_address ON phone_numbers (address_id) WHERE address_id IS NOT NULL;

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY phone_numbers_address;
