package budget

import (
	"net/http"
	"strings"
	"time"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

// Bucket is which of a host's rate limits a call counts against, beside the operator's share of the host's own.
type Bucket int

const (
	// BucketHost is for calls that have no limit of their own.
	BucketHost Bucket = iota
	// BucketLinkReads is for reading which grants and organizations are linked.
	BucketLinkReads
	// BucketLinkWrites is for linking and unlinking.
	BucketLinkWrites

	buckets = 3
)

// linkLimits are the documented limits of the calls about links, by bucket.
var linkLimits = [buckets]Limit{BucketLinkReads: {PerMinute: 100, Burst: 10}, BucketLinkWrites: {PerMinute: 150, Burst: 5}}

// bucketOf is the bucket of a call. The organizations of one grant may have another one than the grants of an organization,
// which alone is documented: a call too few costs less than one that is refused.
func bucketOf(method, route string) Bucket {
	switch {
	case !strings.Contains(route, "/organizations"):
		return BucketHost
	case method == http.MethodGet:
		return BucketLinkReads
	}
	return BucketLinkWrites
}

// endpoint is a bucket beside that of the host, with the calls that have a token of it and did not leave.
type endpoint struct {
	tokens tokens
	unsent int
}

func newEndpoints(now time.Time) (endpoints [buckets]endpoint) {
	for _, bucket := range []Bucket{BucketLinkReads, BucketLinkWrites} {
		endpoints[bucket].tokens = newTokens(linkLimits[bucket], now)
	}
	return endpoints
}

// AcquireLink is Acquire for a call that counts against a bucket of its own, too. While that is empty the key waits without
// delaying the calls of other buckets.
func (s *Share) AcquireLink(of Bucket, key Key, class Class) bool {
	return s.acquire(key, class, false, of)
}

// Told takes in what an answer of the Management API says about the rate limit: of the host, or of the bucket of its call and of no
// other (documented).
func (b *Budget) Told(response auth0.Response) {
	of, refused := bucketOf(response.Method, response.Route), response.Status == http.StatusTooManyRequests
	switch {
	case refused && of == BucketHost:
		b.Refused(response.RateLimit)
	case of == BucketHost:
		b.Observed(response.RateLimit, response.Duration)
	case refused || response.RateLimit.Known:
		b.toldOf(of, response, refused)
	}
}

// toldOf takes in an answer that speaks of a bucket beside that of the host. A 429 that speaks of the whole host is told apart by
// its words alone: the next call of another bucket shows it.
func (b *Budget) toldOf(of Bucket, response auth0.Response, refused bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now, own := time.Now(), &b.endpoints[of].tokens
	if refused {
		own.stop(now.Add(pauseOf(response.RateLimit, now)))
	} else {
		own.observe(response.RateLimit, now.Add(-response.Duration), now)
	}
	b.arm(now)
}

// reservedOf is how many tokens of a bucket are meant for granted tickets and for calls that have not left.
func (b *Budget) reservedOf(of Bucket) int {
	count := b.endpoints[of].unsent
	for _, t := range b.granted {
		if t.bucket == of {
			count++
		}
	}
	return count
}

// opens is when a bucket has a token that is not reserved; false: it is always open, or it will have none.
func (b *Budget) opens(of Bucket) (at time.Time, ever bool) {
	if of == BucketHost {
		return time.Time{}, true
	}
	return b.endpoints[of].tokens.due(b.reservedOf(of) + 1)
}

// isOpen says whether a call of a bucket could be made now, as far as that bucket is concerned.
func (b *Budget) isOpen(of Bucket, now time.Time) bool {
	at, ever := b.opens(of)
	return ever && !now.Before(at)
}
