package main

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Kinds of calls.
const (
	kindCreate = "POST"
	kindChange = "PATCH"
	kindDelete = "DELETE"
	kindList   = "list"
	kindLookup = "look-up"
	kindToken  = "token"
)

// exchange is a request that a tenant got, and its answer.
type exchange struct {
	Time          time.Time `json:"time"`
	Method        string    `json:"method"`
	Path          string    `json:"path"`
	Route         string    `json:"route"`
	Query         string    `json:"query"`
	RequestBody   string    `json:"requestBody"`
	Status        int       `json:"status"`
	CorrelationID string    `json:"correlationID"`
}

// strangers is the correlation ID of calls that are not the operator's.
const strangers = "strangers"

func (e exchange) kind() string {
	if e.Route == "/oauth/token" {
		return kindToken
	}
	if e.Method != http.MethodGet {
		return e.Method
	}
	query, err := url.ParseQuery(e.Query)
	if err == nil && (query.Has("client_id") || query.Has("default_for")) {
		return kindLookup
	}
	return kindList
}

// log is what the operator asked of a tenant since the last time it was cleared.
func (s *site) log(ctx context.Context, bodies bool) ([]exchange, error) {
	path := "log?bodies=false"
	if bodies {
		path = "log"
	}
	var all, own []exchange
	if err := s.Call(ctx, http.MethodGet, path, nil, &all); err != nil {
		return nil, err
	}
	for _, e := range all {
		if e.CorrelationID != strangers {
			own = append(own, e)
		}
	}
	return own, nil
}

// span is a stretch of time in which the calls to a tenant, the writes to Kubernetes and the operator's CPU count for a row.
type span struct {
	b      *bench
	site   *site
	of     *operator
	cpu    float64
	writes map[string]int
}

// begin starts a span.
func (b *bench) begin(ctx context.Context, on *site) (*span, error) {
	s := &span{b: b, site: on, of: b.operator}
	if s.of != nil {
		now, err := s.of.sample(ctx)
		if err != nil {
			return nil, err
		}
		s.cpu = now.cpu
	}
	var err error
	if s.writes, err = b.writes(ctx); err != nil {
		return nil, err
	}
	return s, on.Call(ctx, http.MethodDelete, "log", nil, nil)
}

// end adds what the span saw to a result, and returns the calls.
func (s *span) end(ctx context.Context, r *result) ([]exchange, error) {
	log, err := s.site.log(ctx, true)
	if err != nil {
		return nil, err
	}
	r.add(log)
	now, err := s.b.operator.sample(ctx)
	if err != nil {
		return nil, err
	}
	if s.of != s.b.operator {
		s.cpu = 0 // Another process.
	}
	r.RSS, r.Heap = now.rss, now.heap
	r.CPU += now.cpu - s.cpu
	written, err := s.b.writes(ctx)
	for what, count := range written {
		r.Writes[what] += count - s.writes[what]
	}
	return log, err
}

// add counts calls.
func (r *result) add(log []exchange) {
	var first, last time.Time
	for _, e := range log {
		r.Calls[e.kind()]++
		if e.Status == http.StatusTooManyRequests {
			r.Limited++
		}
		if e.kind() == kindToken {
			continue
		}
		if first.IsZero() || e.Time.Before(first) {
			first = e.Time
		}
		if e.Time.After(last) {
			last = e.Time
		}
	}
	r.Seconds += last.Sub(first).Seconds()
}

// Being at rest takes so many looks in a row, so far apart.
const (
	restLooks = 6
	restPause = 250 * time.Millisecond
)

// rest waits until the operator has nothing in hand and has not called the tenant for a while.
func (b *bench) rest(ctx context.Context, on *site, within time.Duration) error {
	looks, before := 0, -1
	return until(ctx, within, func() (bool, error) {
		now, err := b.operator.sample(ctx)
		if err != nil {
			return false, err
		}
		log, err := on.log(ctx, false)
		if err != nil {
			return false, err
		}
		if looks++; now.busy > 0 || len(log) != before {
			looks = 0
		}
		before = len(log)
		select {
		case <-ctx.Done():
		case <-time.After(restPause):
		}
		return looks >= restLooks, ctx.Err()
	})
}
