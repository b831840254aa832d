package auth0_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

func TestClient_RefreshesATokenBeforeItsEnd(t *testing.T) {
	tests := map[string]struct {
		answer string
		used   time.Duration // the token is still used after this
		fresh  time.Duration // and no longer after this
		life   time.Duration
	}{
		"nine seconds":    {`,"expires_in":9`, 8 * time.Second, 8200 * time.Millisecond, 9 * time.Second},
		"as a string":     {`,"expires_in":"9"`, 8 * time.Second, 8200 * time.Millisecond, 9 * time.Second},
		"ten minutes":     {`,"expires_in":600`, 539 * time.Second, 541 * time.Second, 600 * time.Second},
		"a day":           {`,"expires_in":86400`, 86339 * time.Second, 86341 * time.Second, 24 * time.Hour},
		"nobody says":     {``, 539 * time.Second, 541 * time.Second, 600 * time.Second},
		"seventy years":   {`,"expires_in":99999999999`, 24 * 365 * time.Hour, 70 * 24 * 365 * time.Hour, 0},
		"a single second": {`,"expires_in":1`, 890 * time.Millisecond, 910 * time.Millisecond, time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				requests := 0
				client := inMemory(t, func(*http.Request) (*http.Response, error) {
					requests++
					return response(http.StatusOK, `{"access_token":"x"`+test.answer+`}`), nil
				})
				call := func(want int) {
					t.Helper()
					if _, err := client.Get(t.Context(), "cgr_1"); err != nil || requests != want {
						t.Errorf("error %v, %d token requests, want %d", err, requests, want)
					}
				}
				call(1)
				if facts, ok := client.Token(); !ok || (test.life > 0 && time.Until(facts.Expiry) != test.life) {
					t.Errorf("%v left, %v", time.Until(facts.Expiry), ok)
				}
				time.Sleep(test.used)
				call(1)
				time.Sleep(test.fresh - test.used)
				call(2)
				if test.life > 0 {
					time.Sleep(test.life)
					if facts, ok := client.Token(); ok {
						t.Errorf("an expired token is told: %v", facts)
					}
				}
			})
		})
	}
}

// inMemory is a client with the given token endpoint, and an API that answers at once.
func inMemory(t *testing.T, token roundTrip, changes ...func(*auth0.Options)) *auth0.Client {
	t.Helper()
	options := auth0.Options{
		Domain: "acme.example", Audience: audience, Credentials: auth0.Credentials{ClientID: "operator", ClientSecret: secretCanary},
		RoundTripper: roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Path == "/oauth/token" {
				return token(r)
			}
			return response(http.StatusOK, one), nil
		}),
	}
	for _, change := range changes {
		change(&options)
	}
	client, err := auth0.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestClient_SharesOneTokenRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var requests atomic.Int32
		client := inMemory(t, func(r *http.Request) (*http.Response, error) {
			requests.Add(1)
			select {
			case <-r.Context().Done():
				return nil, r.Context().Err()
			case <-time.After(time.Second):
				return response(http.StatusOK, `{"access_token":"x","expires_in":60}`), nil
			}
		})
		var group sync.WaitGroup
		for i := range 50 {
			group.Go(func() {
				ctx := t.Context()
				if i%2 == 0 { // The caller that starts the request is one of those who leave.
					short, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
					defer cancel()
					ctx = short
				}
				_, err := client.Get(ctx, "cgr_1")
				if i%2 == 0 {
					if failed := asError[*auth0.TransportError](t, err); failed.Sent || !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("got %v", err)
					}
				} else if err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		group.Wait()
		if requests.Load() != 1 {
			t.Errorf("%d token requests", requests.Load())
		}
	})
}

func TestClient_KeepsATokenThatCameWhileAnotherRequestFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var requests atomic.Int32
		client := inMemory(t, func(*http.Request) (*http.Response, error) {
			if requests.Add(1) == 1 {
				time.Sleep(time.Second)
				return response(http.StatusUnauthorized, `{"error":"access_denied"}`), nil
			}
			return response(http.StatusOK, `{"access_token":"x","expires_in":60}`), nil
		})
		failed := make(chan error)
		go func() {
			_, err := client.Get(t.Context(), "cgr_1")
			failed <- err
		}()
		synctest.Wait()
		if _, err := client.Authenticate(t.Context()); err != nil {
			t.Fatal(err)
		}
		_ = asError[*auth0.TokenError](t, <-failed)
		if _, err := client.Get(t.Context(), "cgr_1"); err != nil || requests.Load() != 2 {
			t.Errorf("error %v, %d token requests", err, requests.Load())
		}
	})
}

func TestClient_SharesAFailureButKeepsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var requests atomic.Int32
		client := inMemory(t, func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			if requests.Add(1) == 1 {
				return response(http.StatusUnauthorized, `{"error":"access_denied"}`), nil
			}
			return response(http.StatusOK, `{"access_token":"x","expires_in":60}`), nil
		})
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() {
				_, err := client.Get(t.Context(), "cgr_1")
				_ = asError[*auth0.TokenError](t, err)
			})
		}
		group.Wait()
		if _, err := client.Get(t.Context(), "cgr_1"); err != nil || requests.Load() != 2 {
			t.Errorf("error %v, %d token requests", err, requests.Load())
		}
	})
}

func TestClient_GivesUpATokenRequestThatNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var given atomic.Int32
		client := inMemory(t, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			given.Add(1)
			return nil, r.Context().Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				_, err := client.Get(ctx, "cgr_1")
				if !errors.Is(err, context.DeadlineExceeded) || auth0.Unanswered(err) || time.Since(start) != time.Second {
					t.Errorf("after %v: %v", time.Since(start), err)
				}
			})
		}
		group.Wait()
		synctest.Wait()
		if given.Load() != 1 {
			t.Errorf("%d token requests were given up", given.Load())
		}
		// The next caller starts anew, and the call's own time-out ends it.
		_, err := client.Get(t.Context(), "cgr_1")
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second+auth0.DefaultTimeout {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		_, err = client.Authenticate(t.Context())
		if failed := asError[*auth0.TransportError](t, err); failed.Route != "/oauth/token" || failed.Sent {
			t.Errorf("got %#v", failed)
		}
	})
}

func TestClient_DropsExactlyTheTokenThatWasRefused(t *testing.T) {
	slow := make(chan struct{})
	arrived := make(chan struct{})
	tenant := newTenant(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/slow"):
			close(arrived)
			<-slow
			answer(w, http.StatusUnauthorized, remoteError(401, "Expired token received for JSON Web Token validation", ""))
		case r.Header.Get("Authorization") == "Bearer "+tokenCanary+"-1":
			answer(w, http.StatusUnauthorized, remoteError(401, "Invalid token", ""))
		default:
			answer(w, http.StatusOK, one)
		}
	})
	client := tenant.client(t)
	if _, err := client.Authenticate(t.Context()); err != nil {
		t.Fatal(err)
	}
	late := make(chan error)
	go func() {
		_, err := client.Get(t.Context(), "slow")
		late <- err
	}()
	<-arrived
	_, err := client.Get(t.Context(), "cgr_1")
	if !auth0.IsUnauthorized(err) {
		t.Fatalf("got error %v", err)
	}
	if _, ok := client.Token(); ok {
		t.Error("a refused token is still cached")
	}
	if _, err := client.Get(t.Context(), "cgr_1"); err != nil {
		t.Fatalf("with a new token: %v", err)
	}
	close(slow)
	if err := <-late; !auth0.IsUnauthorized(err) {
		t.Fatalf("got error %v", err)
	}
	if _, err := client.Get(t.Context(), "cgr_1"); err != nil {
		t.Fatal(err)
	}
	if tokens, calls := tenant.asked(); len(tokens) != 2 || len(calls) != 4 {
		t.Errorf("%d token requests, %d calls", len(tokens), len(calls))
	}
}

func TestClient_AsksForNoTokenWhileItsQuotaIsUsedUp(t *testing.T) {
	for name, test := range map[string]struct {
		retryAfter string
		wait       time.Duration
	}{
		"for minutes": {"300", 5 * time.Minute}, "for hours": {"36000", 30 * time.Minute}, "for a time that is not told": {"", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				requests := 0
				client := inMemory(t, func(*http.Request) (*http.Response, error) {
					if requests++; requests > 1 {
						return response(http.StatusOK, `{"access_token":"x","expires_in":86400}`), nil
					}
					refused := response(http.StatusTooManyRequests, `{"error":"too_many_requests","error_description":"Client quota exceeded"}`)
					refused.Header.Set("Retry-After", test.retryAfter)
					return refused, nil
				})
				call := func(works bool) {
					t.Helper()
					if _, err := client.Get(t.Context(), "cgr_1"); (err == nil) != works || err != nil && !auth0.IsRateLimited(err) {
						t.Errorf("error %v", err)
					}
				}
				call(false)
				if test.wait > 0 {
					time.Sleep(test.wait - 1)
					call(false)
				}
				if requests != 1 {
					t.Errorf("%d tokens were asked for", requests)
				}
				time.Sleep(time.Nanosecond)
				call(true)
			})
		})
	}
}
