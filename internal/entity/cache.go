package entity

import (
	"sync"

	"github.com/leadflip/leadflip/internal/platform/id"
)

// cacheMax bounds how many definitions are kept in memory.
const cacheMax = 1024

// cache keeps definitions by id and version. A definition of one version never
// changes, so what is found is always true; which version holds now is asked of the
// database at each request.
type cache struct {
	mu     sync.RWMutex
	byID   map[id.ID]*Entity
	bySlug map[slugKey]*Entity
}

type slugKey struct {
	account id.ID
	slug    string
}

// latest is the newest definition of a slug that was read here, nil when there is none.
func (c *cache) latest(accountID id.ID, slug string) *Entity {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.bySlug[slugKey{accountID, slug}]
}

func (c *cache) get(r ref) *Entity {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if e := c.byID[r.id]; e != nil && e.Version == r.version {
		return e
	}
	return nil
}

func (c *cache) put(e *Entity) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byID == nil || len(c.byID) >= cacheMax {
		c.byID, c.bySlug = map[id.ID]*Entity{}, map[slugKey]*Entity{}
	}
	if old := c.byID[e.ID]; old == nil || old.Version < e.Version {
		c.byID[e.ID], c.bySlug[slugKey{e.AccountID, e.Slug}] = e, e
	}
}
