package account

import (
	"net/http"
	"strconv"

	"github.com/leadflip/leadflip/internal/platform/errs"
	"github.com/leadflip/leadflip/internal/platform/id"
	"github.com/leadflip/leadflip/internal/platform/web"
)

func (p *pages) general(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.site.Render(w, r, settingsPage(v, "General"), generalPage(v, noticeOf(r), form{}))
}

func (p *pages) saveGeneral(w http.ResponseWriter, r *http.Request, v visit) error {
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	in := Settings{Name: f.value("name"), ExposedPolicy: ExposedPolicy(f.value("exposed_policy"))}
	if text := f.value("max_key_days"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			n = -1 // refused below, with the sentence that says what is possible
		}
		in.MaxKeyDays = &n
	}
	if err := p.s.Change(r.Context(), v.who, in); err != nil {
		again, status, ok := f.back(w, r, err)
		if !ok {
			return err
		}
		return p.site.RenderStatus(w, r, status, settingsPage(v, again.title("General")), generalPage(v, "", again))
	}
	return web.Redirect(w, r, v.settings("general")+"?done=saved")
}

func (p *pages) environments(w http.ResponseWriter, r *http.Request, v visit) error {
	return p.showEnvironments(w, r, http.StatusOK, environmentsView{visit: v, notice: noticeOf(r)})
}

func (p *pages) showEnvironments(w http.ResponseWriter, r *http.Request, status int, view environmentsView) error {
	var err error
	if view.envs, err = p.s.Environments(r.Context(), view.who); err != nil {
		return err
	}
	title := view.add.title(view.rename.title("Environments"))
	return p.site.RenderStatus(w, r, status, settingsPage(view.visit, title), environmentsPage(view))
}

func (p *pages) addEnvironment(w http.ResponseWriter, r *http.Request, v visit) error {
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	made, err := p.s.AddEnvironment(r.Context(), v.who, f.value("name"), Kind(f.or("kind", string(Test))))
	if err != nil {
		again, status, ok := f.back(w, r, err)
		if !ok {
			return err
		}
		return p.showEnvironments(w, r, status, environmentsView{visit: v, add: again})
	}
	return web.Redirect(w, r, v.settings("environments")+"?done=environment#environment-"+made.ID.String())
}

func (p *pages) renameEnvironment(w http.ResponseWriter, r *http.Request, v visit) error {
	environment, err := id.Parse(r.PathValue("environment"))
	if err != nil {
		return errs.NotFoundf("environment")
	}
	f, err := readForm(w, r)
	if err != nil {
		return err
	}
	if err := p.s.RenameEnvironment(r.Context(), v.who, environment, f.value("name")); err != nil {
		again, status, ok := f.back(w, r, err)
		if !ok {
			return err
		}
		return p.showEnvironments(w, r, status, environmentsView{visit: v, rename: again, which: environment.String()})
	}
	return web.Redirect(w, r, v.settings("environments")+"?done=renamed#environment-"+environment.String())
}
