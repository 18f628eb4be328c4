package account

import (
	"context"
	"net/http"

	"github.com/a-h/templ"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/httpd"
	"github.com/leadflip/leadflip/internal/platform/id"
	"github.com/leadflip/leadflip/internal/platform/web"
)

// settings leads to the tab that most people come for.
func (p *pages) settings(w http.ResponseWriter, r *http.Request, v visit) error {
	return web.Redirect(w, r, v.settings("api-access"))
}

func settingsPage(v visit, title string) web.Page {
	return web.Page{Title: title, Active: "settings", Breadcrumb: []web.Crumb{{Label: "Account Settings", Href: v.settings("general")}, {Label: title}}}
}

func memberPage(v visit, title string) web.Page {
	return web.Page{Title: title, Active: "settings", Narrow: true, Breadcrumb: []web.Crumb{
		{Label: "Account Settings", Href: v.settings("general")}, {Label: "Members", Href: v.settings("members")}, {Label: title},
	}}
}

func (p *pages) members(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.showMembers(w, r, v, http.StatusOK, form{})
}

func (p *pages) showMembers(w http.ResponseWriter, r *http.Request, v visit, status int, f form) error {
	view := membersView{visit: v, notice: noticeOf(r), invite: f, now: p.s.db.Now()}
	view.invite.proof = NeedsProof(r.Context(), p.s)
	if f.nonce == "" {
		view.invite.nonce = newNonce()
	}
	var err error
	if view.members, err = p.s.Members(r.Context(), v.who); err != nil {
		return err
	}
	if v.who.Role.Manages() {
		if view.invited, err = p.s.Invitations(r.Context(), v.who); err != nil {
			return err
		}
	}
	return p.site.RenderStatus(w, r, status, settingsPage(v, f.title("Members")), membersPage(view))
}

// invite answers with the one-time link, which is shown here and nowhere else.
func (p *pages) invite(w http.ResponseWriter, r *http.Request, v visit) error {
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	token, err := "", ProveFromForm(r, p.s)
	if err == nil {
		token, err = p.s.invite(r.Context(), v.who, f.value("email"), Role(f.value("role")), spendOnce(v.who, v.session, "invite", f.nonce))
	}
	if alreadyShown(err) {
		return p.site.RenderStatus(w, r, http.StatusConflict, memberPage(v, "Invitation"), shownAlreadyPage(v))
	}
	if err != nil {
		again, status, ok := f.back(w, r, err)
		if !ok {
			return err
		}
		if errs.CodeOf(err) == errs.Conflict {
			again.nonce = "" // it was not one of ours; the form gets another
		}
		return p.showMembers(w, r, v, status, again)
	}
	link := httpd.From(r.Context()).Base + "/invite/" + token
	return p.site.Render(w, r, memberPage(v, "Invitation"), invitedPage(v, f.value("email"), link))
}

func (p *pages) withdraw(w http.ResponseWriter, r *http.Request, v visit) error {
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	if err := p.s.Withdraw(r.Context(), v.who, f.value("email")); err != nil {
		return err
	}
	return web.Redirect(w, r, v.settings("members")+"?done=withdrawn")
}

// change is one way to change a member: its page, and what its form does.
type change struct {
	path  string
	title string // before the member's name
	body  func(visit, Membership, form) templ.Component
	do    func(context.Context, *Service, Principal, id.ID, form) error
	done  string // the notice afterwards
}

var memberChanges = []change{
	{"role", "Role of ", rolePage, func(ctx context.Context, s *Service, who Principal, person id.ID, f form) error {
		return s.SetRole(ctx, who, person, Role(f.value("role")))
	}, "role"},
	{"suspend", "Suspend ", suspendPage, func(ctx context.Context, s *Service, who Principal, person id.ID, _ form) error {
		return s.Suspend(ctx, who, person)
	}, "suspended"},
	{"readmit", "Readmit ", readmitPage, func(ctx context.Context, s *Service, who Principal, person id.ID, _ form) error {
		return s.Readmit(ctx, who, person)
	}, "readmitted"},
}

// member reads the member in the path, for those who may change that member.
func (p *pages) member(r *http.Request, v visit) (Membership, error) {
	person, err := id.Parse(r.PathValue("person"))
	if err != nil {
		return Membership{}, errs.NotFoundf("member")
	}
	m, err := p.s.Member(r.Context(), v.who, person)
	if err == nil && m.Role == Owner && v.who.Role != Owner {
		err = errOwners()
	}
	return m, err
}

func (p *pages) showChange(c change) insideHandler {
	return func(w http.ResponseWriter, r *http.Request, v visit) error {
		m, err := p.member(r, v)
		if err != nil {
			return err
		}
		return p.site.Render(w, r, memberPage(v, c.title+m.Person.Name), c.body(v, m, form{proof: NeedsProof(r.Context(), p.s)}))
	}
}

func (p *pages) carryOut(c change) insideHandler {
	return func(w http.ResponseWriter, r *http.Request, v visit) error {
		m, err := p.member(r, v)
		if err != nil {
			return err
		}
		f, err := readForm(w, r)
		if err != nil {
			return err
		}
		if err = ProveFromForm(r, p.s); err == nil {
			err = c.do(r.Context(), p.s, v.who, m.Person.ID, f)
		}
		if err != nil {
			again, status, ok := f.back(w, r, err)
			if !ok {
				return err
			}
			again.proof = NeedsProof(r.Context(), p.s)
			return p.site.RenderStatus(w, r, status, memberPage(v, again.title(c.title+m.Person.Name)), c.body(v, m, again))
		}
		return web.Redirect(w, r, v.settings("members")+"?done="+c.done+"#"+memberRow(m.Person.ID))
	}
}
