package auth0tenant

import (
	"testing"
	"time"

	"github.com/clientgrants/clientgrant-operator/api/v1alpha1"
	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

func TestJudge_ComparesHostsWithoutCase(t *testing.T) {
	tests := map[string]struct {
		domain, identifier string
		audiences          []string
		mismatch           bool
	}{
		"a domain in any case":         {"Acme.EU.auth0.com", "", []string{"https://acme.eu.auth0.com/api/v2/"}, false},
		"an identifier in any case":    {"login.acme.com", "https://Acme.eu.Auth0.com/api/v2/", []string{"https://acme.eu.auth0.com/api/v2/"}, false},
		"a token in any case":          {"acme.eu.auth0.com", "", []string{"https://ACME.eu.auth0.com/api/v2/"}, false},
		"one of several":               {"acme.eu.auth0.com", "", []string{"https://acme.eu.auth0.com/userinfo", "https://acme.eu.auth0.com/api/v2/"}, false},
		"a token that tells none":      {"acme.eu.auth0.com", "", nil, false},
		"the default port":             {"acme.eu.auth0.com:443", "", []string{"https://acme.eu.auth0.com/api/v2/"}, false},
		"another tenant":               {"acme.eu.auth0.com", "", []string{"https://acme.us.auth0.com/api/v2/"}, true},
		"another API of the tenant":    {"acme.eu.auth0.com", "", []string{"https://acme.eu.auth0.com/api/V2/"}, true},
		"a host that only begins like": {"acme.eu.auth0.com", "", []string{"https://acme.eu.auth0.com.evil.com/api/v2/"}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			obj := tenantNamed("main")
			obj.Spec.Domain, obj.Spec.ManagementAudience = test.domain, test.identifier
			told := judge(obj, auth0.Token{Audiences: test.audiences}, false)
			if (told != nil) != test.mismatch || told != nil && told.Reason != v1alpha1.ReasonAudienceMismatch {
				t.Errorf("told %v", told)
			}
		})
	}
}

// Credentials are blamed only where the token endpoint itself refused them; another try costs minutes then, and seconds else.
func TestRefusedToken(t *testing.T) {
	tests := map[string]struct {
		err     error
		reason  string
		stalled bool
	}{
		"a proxy that answers":        {&auth0.TokenError{Status: 403, Foreign: true, Hint: auth0.HintUnavailable}, v1alpha1.ReasonAPIUnavailable, false},
		"a page that is missing":      {&auth0.TokenError{Status: 404, Foreign: true, Hint: auth0.HintUnavailable}, v1alpha1.ReasonAPIUnavailable, false},
		"the endpoint is out":         {&auth0.TokenError{Status: 503, Hint: auth0.HintUnavailable}, v1alpha1.ReasonAPIUnavailable, false},
		"no connection":               {&auth0.TransportError{}, v1alpha1.ReasonAPIUnavailable, false},
		"the rate limit":              {&auth0.TokenError{Status: 429, Hint: auth0.HintRateLimit}, v1alpha1.ReasonRateLimited, false},
		"wrong credentials":           {&auth0.TokenError{Status: 401, Code: "access_denied", Hint: auth0.HintCredentials}, v1alpha1.ReasonInvalidCredentials, true},
		"a refusal for other reasons": {&auth0.TokenError{Status: 400, Hint: auth0.HintUnknown}, v1alpha1.ReasonInvalidCredentials, true},
		"no such API":                 {&auth0.TokenError{Status: 403, Code: "access_denied", Hint: auth0.HintAudience}, v1alpha1.ReasonAudienceMismatch, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			told := refusedToken(tenantNamed("main"), test.err)
			if told.Reason != test.reason || told.Stalled != test.stalled {
				t.Errorf("told %+v", told)
			}
			var b backoff
			if b.fail(told); (told.After >= time.Minute) != test.stalled || told.After <= 0 {
				t.Errorf("tried again after %v", told.After)
			}
		})
	}
}
