package account

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/leadflip/leadflip/internal/audit"
	"github.com/leadflip/leadflip/internal/platform/db"
	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
)

// AddEnvironment makes another environment in the principal's account.
func (s *Service) AddEnvironment(ctx context.Context, who Principal, name string, kind Kind) (Environment, error) {
	if !who.Role.Manages() {
		return Environment{}, notAllowed("add environments")
	}
	name, err := environmentName(name)
	if err != nil {
		return Environment{}, err
	}
	if kind != Live && kind != Test {
		return Environment{}, errs.Invalid(errs.Field{Pointer: "/kind", Code: "invalid", Detail: "An environment is live or test."})
	}
	var made Environment
	err = s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		envs, err := lockedEnvironments(ctx, tx, who.Account.ID)
		if err != nil {
			return err
		}
		made = Environment{ID: id.At(tx.Now), AccountID: who.Account.ID, Name: name, Slug: Slug(name), Kind: kind, CreatedAt: tx.Now}
		if made.Slug == "" {
			made.Slug = "environment"
		}
		if nameTaken(envs, made) {
			return errNameTaken()
		}
		base := made.Slug
		for n := 2; slices.ContainsFunc(envs, func(e Environment) bool { return e.Slug == made.Slug }); n++ {
			made.Slug = base + "-" + strconv.Itoa(n)
		}
		if err := insertEnvironment(ctx, tx, made); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{AccountID: who.Account.ID, EnvironmentID: made.ID, Actor: who.Actor(), Action: "environment.create",
			Object: audit.Object{Kind: "environment", ID: made.ID, Name: made.Name}, Changes: map[string]audit.Change{"kind": {To: made.Kind}}})
	})
	return made, err
}

// RenameEnvironment changes an environment's name. Its slug stays, so that addresses
// and scripts go on working.
func (s *Service) RenameEnvironment(ctx context.Context, who Principal, environment id.ID, name string) error {
	if !who.Role.Manages() {
		return notAllowed("rename environments")
	}
	name, err := environmentName(name)
	if err != nil {
		return err
	}
	return s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		envs, err := lockedEnvironments(ctx, tx, who.Account.ID)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(envs, func(e Environment) bool { return e.ID == environment })
		if i < 0 {
			return errs.NotFoundf("environment")
		}
		before, after := envs[i], envs[i]
		after.Name = name
		if before.Name == after.Name {
			return nil
		}
		if nameTaken(envs, after) {
			return errNameTaken()
		}
		if err := renameEnvironment(ctx, tx, after); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{AccountID: who.Account.ID, EnvironmentID: after.ID, Actor: who.Actor(), Action: "environment.rename",
			Object:  audit.Object{Kind: "environment", ID: after.ID, Name: after.Name},
			Changes: map[string]audit.Change{"name": {From: before.Name, To: after.Name}}})
	})
}

// lockedEnvironments reads an account's environments so that no second change of
// them runs beside this one.
func lockedEnvironments(ctx context.Context, tx *db.Tx, account id.ID) ([]Environment, error) {
	if _, err := lockOwners(ctx, tx, account); err != nil {
		return nil, err
	}
	return listEnvironments(ctx, tx, account)
}

func environmentName(name string) (string, error) {
	name, problem := CleanName(name, 40)
	if problem != "" {
		return "", errs.Invalid(errs.Field{Pointer: "/name", Code: "invalid", Detail: problem})
	}
	return name, nil
}

func nameTaken(envs []Environment, e Environment) bool {
	return slices.ContainsFunc(envs, func(other Environment) bool { return other.ID != e.ID && Fold(other.Name) == Fold(e.Name) })
}

func errNameTaken() error {
	return errs.Invalid(errs.Field{Pointer: "/name", Code: "taken", Detail: "Another environment has this name. Please choose another."})
}

// Settings are what can be changed of an account.
type Settings struct {
	Name          string
	ExposedPolicy ExposedPolicy
	MaxKeyDays    *int // longest life of an API key; nil: any, also without an end
}

// maxKeyDaysMost is ten years, the longest life a key can have anyway.
const maxKeyDaysMost = 3650

// Change changes the account's settings. A shorter life for keys holds for keys that
// are made or changed from then on; the living ones keep their end.
func (s *Service) Change(ctx context.Context, who Principal, in Settings) error {
	if !who.Role.Manages() {
		return notAllowed("change the account")
	}
	name, problem := CleanName(in.Name, 80)
	var wrong []errs.Field
	if problem != "" {
		wrong = append(wrong, errs.Field{Pointer: "/name", Code: "invalid", Detail: problem})
	}
	if in.ExposedPolicy != ExposedMark && in.ExposedPolicy != ExposedRevoke {
		wrong = append(wrong, errs.Field{Pointer: "/exposed_policy", Code: "invalid", Detail: "Choose to mark exposed keys or to revoke them at once."})
	}
	if d := in.MaxKeyDays; d != nil && (*d < 1 || *d > maxKeyDaysMost) {
		wrong = append(wrong, errs.Field{Pointer: "/max_key_days", Code: "invalid", Detail: "Choose 1 to 3650 days, or no limit."})
	}
	if err := errs.Invalid(wrong...); err != nil {
		return err
	}
	return s.db.Update(ctx, func(ctx context.Context, tx *db.Tx) error {
		before, err := accountByID(ctx, tx, who.Account.ID)
		if err != nil {
			return err
		}
		after := before
		after.Name, after.ExposedPolicy, after.MaxKeyDays = name, in.ExposedPolicy, in.MaxKeyDays
		changes := map[string]audit.Change{}
		if before.Name != after.Name {
			changes["name"] = audit.Change{From: before.Name, To: after.Name}
		}
		if before.ExposedPolicy != after.ExposedPolicy {
			changes["exposed_policy"] = audit.Change{From: before.ExposedPolicy, To: after.ExposedPolicy}
		}
		if days(before.MaxKeyDays) != days(after.MaxKeyDays) {
			changes["max_key_days"] = audit.Change{From: before.MaxKeyDays, To: after.MaxKeyDays}
		}
		if len(changes) == 0 {
			return nil
		}
		if err := updateAccount(ctx, tx, after); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{AccountID: after.ID, Actor: who.Actor(), Action: "account.change",
			Object: audit.Object{Kind: "account", ID: after.ID, Name: after.Name}, Changes: changes})
	})
}

// days is a limit as a number, 0 for none.
func days(limit *int) int {
	if limit == nil {
		return 0
	}
	return *limit
}

// MaxKeyLife is the longest life of an API key of an account, 0 when any is allowed.
func MaxKeyLife(ctx context.Context, q db.Handle, account id.ID) (time.Duration, error) {
	a, err := accountByID(ctx, q, account)
	return time.Duration(days(a.MaxKeyDays)) * 24 * time.Hour, err
}

// AuditLog lists what was done in the principal's account, newest first.
func (s *Service) AuditLog(ctx context.Context, who Principal, f audit.Filter) ([]audit.Entry, error) {
	if !who.Role.Manages() {
		return nil, notAllowed("read the audit log")
	}
	f.AccountID = who.Account.ID
	return audit.List(ctx, s.db, f)
}
