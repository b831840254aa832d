package tenant

import (
	"math/rand/v2"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

// The waits after a read that failed, doubled from the first to the last. Refused credentials need a person to act.
const (
	firstRetry        = time.Second
	lastRetry         = time.Minute
	firstRefusedRetry = time.Minute
	lastRefusedRetry  = 30 * time.Minute
)

// failure is the state of reading from the tenant after an error; the zero value says that reading works.
type failure struct {
	err   error
	at    time.Time
	count int
	retry time.Time
}

// add notes a read that failed.
func (f *failure) add(err error, now time.Time) {
	f.err, f.at = err, now
	f.retry = now.Add(f.backoff(err))
}

// backoff is the time until the next try. The Auth0Tenant's reconciler proves refused credentials, which are then tried at
// once; the minutes here are for the case that it does not.
func (f *failure) backoff(err error) time.Duration {
	if auth0.IsRateLimited(err) {
		return 0 // The budget knows when.
	}
	first, last := firstRetry, lastRetry
	if Refused(err) {
		first, last = firstRefusedRetry, lastRefusedRetry
	}
	wait := min(first<<min(f.count, 10), last)
	f.count++
	return wait + rand.N(wait/5) //nolint:gosec // spreads retries; nothing depends on its being hard to guess
}
