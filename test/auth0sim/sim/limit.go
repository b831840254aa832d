package sim

import (
	"math"
	"net/http"
	"strconv"
	"time"
)

// bucket is the tenant's token bucket. Every request to the Management API takes a token, whatever its answer.
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
	if passed := now.Sub(b.at); passed > 0 {
		b.tokens = min(float64(limit.Limit), b.tokens+passed.Seconds()*limit.PerSecond)
		b.at = now
	}
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// reset is when the bucket is full again, in whole seconds and at least one second ahead, as recorded.
func (b *bucket) reset(limit RateLimit, now time.Time) time.Time {
	seconds := 1.0
	if limit.PerSecond > 0 {
		seconds = max(seconds, math.Ceil((float64(limit.Limit)-b.tokens)/limit.PerSecond))
	}
	return now.Add(time.Duration(seconds) * time.Second)
}

// limited lets handle answer unless the bucket is empty. Successes and 429s tell about the bucket; other errors were
// recorded without these headers.
func (s *Server) limited(q *request, handle func(*request) response) response {
	limit := s.settings.RateLimit
	if limit.Limit <= 0 {
		return handle(q)
	}
	if !s.bucket.take(limit, q.now) {
		return s.tooManyRequests(q, limit)
	}
	resp := handle(q)
	if resp.status < http.StatusMultipleChoices {
		resp.header = resp.header.Clone()
		s.setLimitHeaders(resp.header, limit, int(s.bucket.tokens), q.now)
	}
	return resp
}

func (s *Server) setLimitHeaders(header http.Header, limit RateLimit, remaining int, now time.Time) {
	header.Set("X-Ratelimit-Limit", strconv.Itoa(limit.Limit))
	header.Set("X-Ratelimit-Remaining", strconv.Itoa(remaining))
	header.Set("X-Ratelimit-Reset", strconv.FormatInt(s.bucket.reset(limit, now).Unix(), 10))
}

// tooManyRequests is the recorded 429. Which headers it has was not recorded; the documentation names these three.
func (s *Server) tooManyRequests(q *request, limit RateLimit) response {
	message := "Global limit has been reached"
	if limit.Endpoint {
		message = "Endpoint limit has been reached"
	}
	resp := fail(http.StatusTooManyRequests, message, "too_many_requests")
	if !limit.NoHeaders {
		s.setLimitHeaders(resp.header, limit, limit.Remaining, q.now)
	}
	if limit.RetryAfter {
		wait := s.bucket.reset(limit, q.now).Sub(q.now)
		resp.header.Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
	}
	return resp
}
