package lead

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/leadflip/leadflip/internal/entity"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Secrets hands out the secret of a name, 32 bytes that are the same on every node and
// lie wrapped by the master key.
type Secrets interface {
	Secret(ctx context.Context, name string) ([]byte, error)
}

// sealer encrypts the values of one account's encrypted fields: AES-256-GCM with a key
// of the account, bound to lead and field, so that no value can be moved to another
// place. Both keys are derived from the account's secret.
type sealer struct {
	values cipher.AEAD
	index  []byte
}

// sealer returns the sealer of an account, nil when e has no encrypted field.
func (s *Service) sealer(ctx context.Context, e *entity.Entity) (*sealer, error) {
	if !slices.ContainsFunc(e.Fields, func(f entity.Field) bool { return f.Encrypted }) {
		return nil, nil
	}
	return s.sealerOf(ctx, e.AccountID)
}

func (s *Service) sealerOf(ctx context.Context, accountID id.ID) (*sealer, error) {
	if have, ok := s.sealers.Load(accountID); ok {
		return have.(*sealer), nil
	}
	secret, err := s.secrets.Secret(ctx, "account:"+accountID.String())
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derive(secret, "values of leads"))
	if err != nil {
		return nil, err
	}
	values, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	made := &sealer{values, derive(secret, "equality of values of leads")}
	s.sealers.Store(accountID, made)
	return made, nil
}

func derive(secret []byte, purpose string) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(purpose))
	return mac.Sum(nil)
}

func sealedTo(leadID, field id.ID) []byte { return slices.Concat(leadID[:], field[:]) }

// seal encrypts one value of a lead.
func (c *sealer) seal(leadID, field id.ID, v entity.Value) string {
	nonce := make([]byte, c.values.NonceSize())
	_, _ = rand.Read(nonce)
	return base64.StdEncoding.EncodeToString(c.values.Seal(nonce, nonce, appendValue(nil, v), sealedTo(leadID, field)))
}

var errSealed = errors.New("lead: an encrypted value cannot be opened; it is damaged or was moved")

// open is the inverse of seal.
func (c *sealer) open(leadID, field id.ID, sealed string) (entity.Value, error) {
	raw, err := base64.StdEncoding.DecodeString(sealed)
	n := c.values.NonceSize()
	if err != nil || len(raw) < n {
		return nil, errSealed
	}
	plain, err := c.values.Open(nil, raw[:n], raw[n:], sealedTo(leadID, field))
	if err != nil {
		return nil, errSealed
	}
	var v any
	if err := json.Unmarshal(plain, &v); err != nil {
		return nil, fmt.Errorf("lead: an encrypted value is not JSON: %w", err)
	}
	return entity.ValueFromJSON(v), nil
}

// equalityKey stands for a value of an encrypted field among sort keys: it can be
// compared for equality by who has the key of the account, and tells nothing else.
func (c *sealer) equalityKey(field id.ID, plain []byte) []byte {
	mac := hmac.New(sha256.New, c.index)
	mac.Write(field[:])
	mac.Write(plain)
	return mac.Sum(nil)
}

// reveal opens the encrypted values of leads of one entity, so that Values holds all.
func (s *Service) reveal(ctx context.Context, e *entity.Entity, leads ...*Lead) error {
	var c *sealer
	for _, l := range leads {
		if len(l.sealed) == 0 {
			continue
		}
		if c == nil {
			var err error
			if c, err = s.sealerOf(ctx, e.AccountID); err != nil {
				return err
			}
		}
		if err := l.reveal(c, e); err != nil {
			return err
		}
	}
	return nil
}

// reveal opens the encrypted values of the fields there are. Those of deleted fields
// stay closed.
func (l *Lead) reveal(c *sealer, e *entity.Entity) error {
	for field, sealed := range l.sealed {
		if e.FieldByID(field) == nil {
			continue
		}
		if c == nil { // the last encrypted field is being opened for good
			return errs.New(errs.Unavailable, "The entity %s is being decrypted; nothing was changed. Try again in a moment.", e.Name)
		}
		v, err := c.open(l.ID, field, sealed)
		if err != nil {
			return err
		}
		l.Values[field] = v
	}
	return nil
}
