-- +goose Up

-- A key is looked up by a number: to compare texts takes a little longer the more of
-- their beginning is the same, which tells whether an id exists.
ALTER TABLE api_keys ADD COLUMN place INTEGER NOT NULL DEFAULT 0;  -- the first 10 characters of public_id, read as a number in base62
UPDATE api_keys SET place = (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(public_id, 1, 1)) - 1) * 13537086546263552
    + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(public_id, 2, 1)) - 1) * 218340105584896
    + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(public_id, 3, 1)) - 1) * 3521614606208
    + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(public_id, 4, 1)) - 1) * 56800235584
    + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(public_id, 5, 1)) - 1) * 916132832
    + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(public_id, 6, 1)) - 1) * 14776336
    + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(public_id, 7, 1)) - 1) * 238328
    + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(public_id, 8, 1)) - 1) * 3844
    + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(public_id, 9, 1)) - 1) * 62
    + (instr('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz', substr(public_id, 10, 1)) - 1);
-- With the hash, so that what is read for a wrong secret is the same whatever has become
-- of the key.
CREATE INDEX api_keys_by_place ON api_keys (place, hash);
