package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// adminPrefix is where the endpoints for people and scripts are; they ask for no token.
const adminPrefix = "/_sim/"

// adminMux routes the endpoints that the package comment lists.
func (s *Server) adminMux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_sim/state", s.adminState)
	mux.HandleFunc("GET /_sim/authority", adminAuthority)
	mux.HandleFunc("GET /_sim/log", s.adminLog)
	mux.HandleFunc("DELETE /_sim/log", adminCall(s.ClearLog))
	mux.HandleFunc("POST /_sim/clients", adminAdd(s.AddClient))
	mux.HandleFunc("POST /_sim/apis", adminAdd(s.AddAPI))
	mux.HandleFunc("POST /_sim/organizations", adminAdd(s.AddOrganization))
	mux.HandleFunc("POST /_sim/grants", adminAdd(s.AddGrant))
	mux.HandleFunc("PATCH /_sim/grants/{id}", s.adminEditGrant)
	mux.HandleFunc("DELETE /_sim/grants/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.DeleteGrant(r.PathValue("id"))
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("PATCH /_sim/settings", s.adminSettings)
	mux.HandleFunc("POST /_sim/faults", s.adminFault)
	mux.HandleFunc("DELETE /_sim/faults", adminCall(s.ClearFaults))
	mux.HandleFunc("POST /_sim/tokens/expire", adminCall(s.ExpireTokens))
	mux.HandleFunc("POST /_sim/tokens/revoke", adminCall(s.RevokeTokens))
	return mux
}

// serveAdmin answers an endpoint under /_sim/. What the methods of Server panic about is a 409 here.
func (s *Server) serveAdmin(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if reason := recover(); reason != nil {
			sendError(w, http.StatusConflict, fmt.Sprint(reason))
		}
	}()
	s.admin.ServeHTTP(w, r)
}

func sendJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(encode(body), '\n')) // the client is gone: nothing to do about it
}

func sendError(w http.ResponseWriter, status int, message string) {
	sendJSON(w, status, map[string]string{"error": message})
}

// adminCall makes an endpoint of a method that takes and returns nothing.
func adminCall(call func()) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		call()
		w.WriteHeader(http.StatusNoContent)
	}
}

// adminAdd makes an endpoint of a method that adds something.
func adminAdd[T any](add func(T) T) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var x T
		if readJSON(w, r, &x) {
			sendJSON(w, http.StatusCreated, add(x))
		}
	}
}

// readJSON reads the body strictly; if it cannot, it has answered.
func readJSON(w http.ResponseWriter, r *http.Request, x any) bool {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(x); err != nil {
		sendError(w, http.StatusBadRequest, err.Error())
		return false
	}
	return true
}

// adminState shows what the tenant holds, without secrets.
func (s *Server) adminState(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	clients, apis, organizations := []value{}, []value{}, []value{}
	for _, c := range s.clients {
		clients = append(clients, c.shown(false))
	}
	for _, a := range s.apis {
		apis = append(apis, s.shownAPI(a))
	}
	for _, o := range s.organizations {
		organizations = append(organizations, o.shown())
	}
	domain, audience := s.domain, s.managementAudience()
	s.mu.Unlock()
	sendJSON(w, http.StatusOK, map[string]any{
		"domain": domain, "management_audience": audience, "clients": clients, "apis": apis,
		"organizations": organizations, "grants": s.Grants(),
	})
}

// adminAuthority shows the certificate to trust, to those who cannot read the files of this process.
func adminAuthority(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-pem-file")
	_, _ = w.Write(AuthorityPEM()) // the client is gone: nothing to do about it
}

// adminLog shows the log, with bodies=false without the bodies.
func (s *Server) adminLog(w http.ResponseWriter, r *http.Request) {
	log := s.Log()
	if r.URL.Query().Get("bodies") == "false" {
		for i := range log {
			log[i].RequestBody, log[i].ResponseBody = "", ""
		}
	}
	sendJSON(w, http.StatusOK, log)
}

func (s *Server) adminEditGrant(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	g, ok := s.Grant(id)
	if !ok {
		sendError(w, http.StatusNotFound, "no grant "+id)
		return
	}
	if readJSON(w, r, &g) {
		s.EditGrant(id, func(stored *Grant) { *stored = g })
		sendJSON(w, http.StatusOK, g)
	}
}

func (s *Server) adminSettings(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	changed := struct {
		Settings
		Latency       duration `json:"latency"`
		TokenLifetime duration `json:"token_lifetime"`
	}{s.settings, duration(s.settings.Latency), duration(s.settings.TokenLifetime)}
	s.mu.Unlock()
	if !readJSON(w, r, &changed) {
		return
	}
	changed.Settings.Latency = time.Duration(changed.Latency)
	changed.Settings.TokenLifetime = time.Duration(changed.TokenLifetime)
	s.Configure(func(settings *Settings) { *settings = changed.Settings })
	sendJSON(w, http.StatusOK, changed)
}

func (s *Server) adminFault(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Method string            `json:"method"`
		Route  string            `json:"route"`
		Times  int               `json:"times"`
		Skip   int               `json:"skip"`
		After  bool              `json:"after"`
		Delay  duration          `json:"delay"`
		Hang   bool              `json:"hang"`
		Drop   bool              `json:"drop"`
		Status int               `json:"status"`
		Body   string            `json:"body"`
		Header map[string]string `json:"header"`
	}
	if !readJSON(w, r, &body) {
		return
	}
	header := http.Header{}
	for name, text := range body.Header {
		header.Set(name, text)
	}
	s.Inject(Fault{
		Method: body.Method, Route: body.Route, Times: body.Times, Skip: body.Skip, After: body.After,
		Delay: time.Duration(body.Delay), Hang: body.Hang, Drop: body.Drop, Status: body.Status, Body: body.Body,
		Header: header,
	})
	w.WriteHeader(http.StatusNoContent)
}

// duration is a time span that is written like "1.5s" in JSON.
type duration time.Duration

// UnmarshalText reads a text such as "250ms".
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	*d = duration(parsed)
	return err
}

// MarshalText writes a text such as "250ms".
func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }
