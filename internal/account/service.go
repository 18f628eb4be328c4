package account

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// Service is the use cases of the room.
type Service struct {
	db       *db.DB
	log      *slog.Logger
	seed     Seed
	throttle *throttle

	background sync.WaitGroup // what is written after an answer: see later
}

// Seed fills a new account in the transaction that makes it.
type Seed func(ctx context.Context, tx *db.Tx, account id.ID) error

// NewService returns the room's use cases.
func NewService(d *db.DB, log *slog.Logger, seed Seed) *Service {
	return &Service{db: d, log: log, seed: seed, throttle: newThrottle()}
}

// later runs a write that no answer waits for, neither for its time nor for its
// success: notes about a request, never a change that somebody asked for.
func (s *Service) later(ctx context.Context, what string, write func(context.Context) error) {
	ctx = context.WithoutCancel(ctx)
	s.background.Go(func() {
		if err := write(ctx); err != nil {
			s.log.Warn("a note about a request was not written", "what", what, "error", err)
		}
	})
}

// NewAccount is what the setup asks for.
type NewAccount struct {
	Email    string
	Name     string // of the person; "" takes the part before the @
	Password string
	Account  string // its name
}

func (in *NewAccount) check() error {
	var wrong []errs.Field
	email, problem := CleanEmail(in.Email)
	if problem != "" {
		wrong = append(wrong, errs.Field{Pointer: "/email", Code: "invalid", Detail: problem})
	}
	if strings.TrimSpace(in.Name) == "" {
		in.Name, _, _ = strings.Cut(email, "@")
	}
	name, problem := CleanName(in.Name, 80)
	if problem != "" && email != "" {
		wrong = append(wrong, errs.Field{Pointer: "/name", Code: "invalid", Detail: problem})
	}
	workspace, problem := CleanName(in.Account, 80)
	if problem != "" {
		wrong = append(wrong, errs.Field{Pointer: "/account", Code: "invalid", Detail: problem})
	}
	if problem := CheckPassword(in.Password, email, name, workspace); problem != "" {
		wrong = append(wrong, errs.Field{Pointer: "/password", Code: "invalid", Detail: problem})
	}
	in.Email, in.Name, in.Account = email, name, workspace
	return errs.Invalid(wrong...)
}

// SetupNeeded tells whether there is no account yet.
func (s *Service) SetupNeeded(ctx context.Context) (bool, error) {
	n, err := countAccounts(ctx, s.db)
	return n == 0, err
}

// NewSetupLink makes the one-time token of the setup page.
func (s *Service) NewSetupLink(ctx context.Context) (string, error) {
	token, hash := newToken()
	err := s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		return insertLink(ctx, tx, hash, link{purpose: "setup", expiresAt: tx.Now.Add(setupLinkLife)}, tx.Now)
	})
	return token, err
}

// SetupLinkGood tells whether a setup token can be used; anything else is
// errs.LinkInvalid.
func (s *Service) SetupLinkGood(ctx context.Context, token string) error {
	if needed, err := s.SetupNeeded(ctx); err != nil || !needed {
		return cmp.Or(err, errLink())
	}
	_, err := linkByHash(ctx, s.db, hashToken(token), "setup", s.db.Now())
	return err
}

// Setup makes the first account with its owner, Production and what Seed adds, and
// logs the owner in. The token is the one-time setup link's; the operator at the
// command line has none, and gets no login. There is only ever one first account: of two at the same
// moment the second is refused.
func (s *Service) Setup(ctx context.Context, token string, operator bool, in NewAccount, from Origin) (Account, string, error) {
	if err := in.check(); err != nil {
		return Account{}, "", err
	}
	if !operator {
		if err := s.SetupLinkGood(ctx, token); err != nil {
			return Account{}, "", err
		}
	}
	hash, err := hashPassword(ctx, in.Password)
	if err != nil {
		return Account{}, "", err
	}
	sessionToken, sessionHash := newToken()
	var made Account
	err = s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		// The lock makes two setups on two nodes wait for each other.
		if err := tx.Lock(ctx, "account.setup"); err != nil {
			return err
		}
		if n, err := countAccounts(ctx, tx); err != nil || n > 0 {
			return cmp.Or(err, error(errs.New(errs.Conflict, "This instance is set up already. Log in, or ask a member for an invitation.")))
		}
		if !operator {
			if _, err := linkByHash(ctx, tx, hashToken(token), "setup", tx.Now); err != nil {
				return err
			}
			if err := useLink(ctx, tx, hashToken(token), tx.Now); err != nil {
				return err
			}
		}
		made = Account{ID: id.At(tx.Now), Name: in.Account, Slug: accountSlug(in.Account), ExposedPolicy: ExposedMark, CreatedAt: tx.Now}
		person := Person{ID: id.At(tx.Now), Email: in.Email, Name: in.Name}
		env := Environment{ID: id.At(tx.Now), AccountID: made.ID, Name: "Production", Slug: "production", Kind: Live, CreatedAt: tx.Now}
		who := Principal{Account: made, Environment: env, Person: &person, Role: Owner, Origin: from}
		if operator {
			who.Person, who.Operator = nil, true
		}
		for _, step := range []func() error{
			func() error { return insertAccount(ctx, tx, made) },
			func() error { return insertPerson(ctx, tx, person, hash, tx.Now) },
			func() error { return insertMembership(ctx, tx, made.ID, person.ID, Owner, tx.Now) },
			func() error { return insertEnvironment(ctx, tx, env) },
			func() error { return s.seed(ctx, tx, made.ID) },
			func() error {
				if operator {
					return nil
				}
				return insertSession(ctx, tx, newSession(person, from, tx.Now), sessionHash)
			},
			func() error {
				return audit.Record(ctx, tx, audit.Entry{AccountID: made.ID, Actor: who.Actor(), Action: "account.create",
					Object: audit.Object{Kind: "account", ID: made.ID, Name: made.Name}, Changes: map[string]audit.Change{"owner": {To: person.Email}}})
			},
		} {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || operator {
		return made, "", err
	}
	return made, sessionToken, nil
}

func accountSlug(name string) string {
	if s := Slug(name); s != "" {
		return s
	}
	return "account"
}

func newSession(p Person, from Origin, now time.Time) Session {
	life := sessionAbsolute
	if from.Plain {
		life = sessionPlain
	}
	return Session{ID: id.At(now), Person: p, CreatedAt: now, LastSeenAt: now, ExpiresAt: now.Add(life), ProofAt: now,
		IP: ipText(from.IP), UserAgent: clip(from.UserAgent, 400)}
}

func ipText(ip netip.Addr) string {
	if !ip.IsValid() {
		return ""
	}
	return ip.String()
}

func clip(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "")
}

// Enter makes the principal of a person in one environment of one account. What the
// person may not enter does not exist.
func (s *Service) Enter(ctx context.Context, person Person, accountSlug, environmentSlug string, from Origin) (Principal, error) {
	ms, err := queryMemberships(ctx, s.db, `m.person_id = $1 AND a.slug = $2 AND m.suspended_at IS NULL`, person.ID, accountSlug)
	if err != nil {
		return Principal{}, err
	}
	if len(ms) == 0 {
		return Principal{}, errs.NotFoundf("page")
	}
	envs, err := listEnvironments(ctx, s.db, ms[0].Account.ID)
	if err != nil {
		return Principal{}, err
	}
	for _, e := range envs {
		if e.Slug == environmentSlug {
			return Principal{Account: ms[0].Account, Environment: e, Person: &person, Role: ms[0].Role, Scopes: ms[0].Role.Rights(), Origin: from}, nil
		}
	}
	return Principal{}, errs.NotFoundf("page")
}

// OperatorIn makes the principal of the operator at the command line. An empty
// environment name means the account's first.
func (s *Service) OperatorIn(ctx context.Context, account, environment string) (Principal, error) {
	a, err := accountByName(ctx, s.db, account)
	if err != nil {
		return Principal{}, err
	}
	envs, err := listEnvironments(ctx, s.db, a.ID)
	if err != nil {
		return Principal{}, err
	}
	e, err := FindEnvironment(envs, environment)
	if err != nil {
		return Principal{}, err
	}
	return Principal{Account: a, Environment: e, Operator: true, Role: Owner, Scopes: Scopes{All}}, nil
}

// FindEnvironment picks one by name, slug or UUID, in any case; "" is the first.
func FindEnvironment(envs []Environment, name string) (Environment, error) {
	names := make([]string, len(envs))
	for i, e := range envs {
		if name == "" || Fold(e.Name) == Fold(name) || e.Slug == strings.ToLower(name) || strings.EqualFold(e.ID.String(), name) {
			return e, nil
		}
		names[i] = e.Slug
	}
	return Environment{}, errs.New(errs.NotFound, "There is no environment %q in this account; there are: %s.", name, strings.Join(names, ", "))
}

// Places lists the accounts a person can enter.
func (s *Service) Places(ctx context.Context, person id.ID) ([]Membership, error) {
	return queryMemberships(ctx, s.db, `m.person_id = $1 AND m.suspended_at IS NULL`, person)
}

// firstPlace is where somebody lands who comes into an account: its first environment.
func (s *Service) firstPlace(ctx context.Context, a Account) (Principal, error) {
	envs, err := listEnvironments(ctx, s.db, a.ID)
	if err != nil {
		return Principal{}, err
	}
	if len(envs) == 0 {
		return Principal{}, errs.NotFoundf("environment")
	}
	return Principal{Account: a, Environment: envs[0]}, nil
}

// placesOf lists the accounts a person can enter, and the environments of them all.
func (s *Service) placesOf(ctx context.Context, person id.ID) ([]Membership, []Environment, error) {
	places, err := s.Places(ctx, person)
	if err != nil {
		return nil, nil, err
	}
	envs, err := environmentsOf(ctx, s.db, person)
	return places, envs, err
}

// Environments lists the environments of the principal's account, oldest first.
func (s *Service) Environments(ctx context.Context, who Principal) ([]Environment, error) {
	return listEnvironments(ctx, s.db, who.Account.ID)
}
