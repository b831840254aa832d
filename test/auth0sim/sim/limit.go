package sim

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// bucketKind is which bucket a request takes from, beside that of the tenant.
type bucketKind int

// The buckets. Each request to the Management API takes a token of the first, and some take one of another as well.
const (
	tenantBucket bucketKind = iota
	linkReads
	linkWrites
)

// bucket is a token bucket. A request takes its token whatever the answer.
type bucket struct {
	tokens float64
	at     time.Time
}

// fill makes the bucket full.
func (b *bucket) fill(limit RateLimit, now time.Time) {
	b.tokens, b.at = float64(limit.Limit), now
}

// take refills the bucket for the time that has passed and takes a token, if there is one.
func (b *bucket) take(limit RateLimit, now time.Time) bool {
	if window := limit.window(); window > 0 {
		if passed := now.Sub(b.at); passed >= window {
			b.tokens, b.at = float64(limit.Limit), b.at.Add(passed.Truncate(window))
		}
	} else if passed := now.Sub(b.at); passed > 0 {
		b.tokens = min(float64(limit.Limit), b.tokens+passed.Seconds()*limit.PerSecond)
		b.at = now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

func (l RateLimit) window() time.Duration { return time.Duration(l.WindowSeconds) * time.Second }

// reset is when the bucket is full again, in whole seconds and at least one second ahead, as recorded; with windows when the next one
// begins.
func (b *bucket) reset(limit RateLimit, now time.Time) time.Time {
	if window := limit.window(); window > 0 {
		return b.at.Add(window)
	}
	seconds := 1.0
	if limit.PerSecond > 0 {
		seconds = max(seconds, math.Ceil((float64(limit.Limit)-b.tokens)/limit.PerSecond))
	}
	return now.Add(time.Duration(seconds) * time.Second)
}

// limited lets handle answer unless the tenant's bucket, which comes first, or that of the endpoint is empty.
func (s *Server) limited(q *request, handle func(*request) response) response {
	return s.limitedBy(tenantBucket, q, func(q *request) response {
		if kind := s.bucketOf(q.route); kind != tenantBucket {
			return s.limitedBy(kind, q, handle)
		}
		return handle(q)
	})
}

func (s *Server) bucketOf(r *route) bucketKind {
	if r.pattern == grantOrganizationsRoute && s.settings.Unknowns.GrantReadsAreLinkReads {
		return linkReads
	}
	return r.bucket
}

// limitedBy takes a token of one bucket. Successes and 429s tell about the bucket that the request came to last; other
// errors were recorded without these headers.
func (s *Server) limitedBy(kind bucketKind, q *request, handle func(*request) response) response {
	limit, from := s.settings.limits()[kind], &s.buckets[kind]
	if limit.Limit <= 0 {
		return handle(q)
	}
	limit.Endpoint = limit.Endpoint || kind != tenantBucket
	if !from.take(limit, q.now) {
		return from.tooManyRequests(q, limit)
	}
	left := int(from.tokens)
	resp := handle(q)
	if resp.status < http.StatusMultipleChoices && resp.header.Get("X-Ratelimit-Limit") == "" {
		resp.header = resp.header.Clone()
		from.setHeaders(resp.header, limit, left, q.now)
	}
	return resp
}

func (b *bucket) setHeaders(header http.Header, limit RateLimit, remaining int, now time.Time) {
	header.Set("X-Ratelimit-Limit", strconv.Itoa(limit.Limit))
	header.Set("X-Ratelimit-Remaining", strconv.Itoa(remaining))
	header.Set("X-Ratelimit-Reset", strconv.FormatInt(b.reset(limit, now).Unix(), 10))
}

// tooManyRequests is the recorded 429. Which headers it has was not recorded; the documentation names these three.
func (b *bucket) tooManyRequests(q *request, limit RateLimit) response {
	message := "Global limit has been reached"
	if limit.Endpoint {
		message = "Endpoint limit has been reached"
	}
	resp := fail(http.StatusTooManyRequests, message, "too_many_requests")
	if !limit.NoHeaders {
		b.setHeaders(resp.header, limit, limit.Remaining, q.now)
	}
	if limit.RetryAfter {
		wait := b.reset(limit, q.now).Sub(q.now)
		resp.header.Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
	}
	return resp
}
