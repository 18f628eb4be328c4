-- +goose Up

-- A key is looked up by a number: to compare texts takes a little longer the more of
-- their beginning is the same, which tells whether an id exists.
ALTER TABLE api_keys ADD COLUMN place BIGINT NOT NULL DEFAULT 0;  -- the first 10 characters of public_id, read as a number in base62
UPDATE api_keys SET place = CAST(strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(public_id, 1, 1)) - 1 AS BIGINT) * 13537086546263552
    + CAST(strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(public_id, 2, 1)) - 1 AS BIGINT) * 218340105584896
    + CAST(strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(public_id, 3, 1)) - 1 AS BIGINT) * 3521614606208
    + CAST(strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(public_id, 4, 1)) - 1 AS BIGINT) * 56800235584
    + CAST(strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(public_id, 5, 1)) - 1 AS BIGINT) * 916132832
    + CAST(strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(public_id, 6, 1)) - 1 AS BIGINT) * 14776336
    + CAST(strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(public_id, 7, 1)) - 1 AS BIGINT) * 238328
    + CAST(strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(public_id, 8, 1)) - 1 AS BIGINT) * 3844
    + CAST(strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(public_id, 9, 1)) - 1 AS BIGINT) * 62
    + CAST(strpos('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(public_id, 10, 1)) - 1 AS BIGINT);
-- With the hash, so that what is read for a wrong secret is the same whatever has become
-- of the key.
CREATE INDEX api_keys_by_place ON api_keys (place, hash);
