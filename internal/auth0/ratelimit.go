package auth0

import (
	"net/http"
	"strconv"
	"time"
)

// maxHorizon bounds how far from now a rate-limit header may point. Recorded resets are seconds away; what is further
// off than this is no time at all (milliseconds, garbage) and is left out.
const maxHorizon = 24 * time.Hour

// RateLimit is what the headers of an answer say about the tenant's rate limit. It describes the bucket of the endpoint,
// not that of the whole tenant: a 429 may come with requests remaining (reported). Answers of 400, 401 and 404 carry
// none of it (recorded).
type RateLimit struct {
	// Limit is the size of the bucket, in requests.
	Limit int
	// Remaining is how many requests are left in it.
	Remaining int
	// Reset is when requests are added (documented; recorded is about when the bucket is full again, as where a limit refills once a
	// window), by this machine's clock: a clock that differs from the server's is allowed for, by the answer's Date header. It may
	// lie in the past. Zero where the answer names none, or none within a day.
	Reset time.Time
	// RetryAfter is how long the answer asks to wait: documented for the token quota only. 0 where it does not say;
	// at most a day.
	RetryAfter time.Duration
	// Known says that the answer named both limit and remaining.
	Known bool
}

// rateLimitOf reads the headers: recorded are a limit, the remaining requests, and the reset in seconds since 1970.
func rateLimitOf(header http.Header, now time.Time) RateLimit {
	serverTime, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		serverTime = now
	}
	var found RateLimit
	limit, limitOK := count(header.Get("X-RateLimit-Limit"))
	remaining, remainingOK := count(header.Get("X-RateLimit-Remaining"))
	if limitOK && remainingOK {
		found.Limit, found.Remaining, found.Known = limit, remaining, true
	}
	if seconds, err := strconv.ParseInt(header.Get("X-RateLimit-Reset"), 10, 64); err == nil {
		if away := time.Unix(seconds, 0).Sub(serverTime); away.Abs() <= maxHorizon {
			found.Reset = now.Add(away)
		}
	}
	found.RetryAfter = retryAfter(header.Get("Retry-After"), serverTime)
	return found
}

// retryAfter reads seconds or an HTTP date.
func retryAfter(value string, serverTime time.Time) time.Duration {
	if seconds, ok := count(value); ok {
		return min(time.Duration(min(seconds, int(maxHorizon/time.Second)))*time.Second, maxHorizon)
	}
	if date, err := http.ParseTime(value); err == nil {
		return min(max(date.Sub(serverTime), 0), maxHorizon)
	}
	return 0
}

// count reads a number that cannot be negative.
func count(value string) (int, bool) {
	number, err := strconv.ParseInt(value, 10, 32)
	return int(number), err == nil && number >= 0
}
