package auth0_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

func TestClient_TellsTheObserverOfEveryTokenRequest(t *testing.T) {
	status := http.StatusOK
	tenant := newTenant(t, api, func(w http.ResponseWriter, r *http.Request) {
		switch status {
		case http.StatusOK:
			giveTokens()(w, r)
		case 0:
			panic(http.ErrAbortHandler)
		default:
			w.WriteHeader(status)
		}
	})
	var got []int
	client := tenant.client(t, func(o *auth0.Options) {
		o.OnTokenResponse = func(status int) { got = append(got, status) }
	})
	want := []int{200, 302, 401, 503, 0}
	for _, status = range want {
		_, _ = client.Authenticate(t.Context())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}
