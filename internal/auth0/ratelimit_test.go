package auth0_test

import (
	"net/http"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/clientgrants/clientgrant-operator/internal/auth0"
)

func TestRateLimit_IsReadFromTheHeaders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now()
		epoch := func(away time.Duration) string { return strconv.FormatInt(now.Add(away).Unix(), 10) }
		date := func(away time.Duration) string { return now.Add(away).UTC().Format(http.TimeFormat) }
		tests := map[string]struct {
			headers map[string]string
			want    auth0.RateLimit
		}{
			"none": {},
			"all three": {
				map[string]string{"x-ratelimit-limit": "50", "x-ratelimit-remaining": "0", "x-ratelimit-reset": epoch(9 * time.Second)},
				auth0.RateLimit{Limit: 50, Reset: now.Add(9 * time.Second), Known: true},
			},
			"a server that is an hour ahead": {
				map[string]string{"x-ratelimit-reset": epoch(time.Hour + 9*time.Second), "Date": date(time.Hour)},
				auth0.RateLimit{Reset: now.Add(9 * time.Second)},
			},
			"a server that is a year behind": {
				map[string]string{"x-ratelimit-reset": epoch(9*time.Second - 365*24*time.Hour), "Date": date(-365 * 24 * time.Hour)},
				auth0.RateLimit{Reset: now.Add(9 * time.Second)},
			},
			"a reset that is past": {
				map[string]string{"x-ratelimit-reset": epoch(-time.Hour)},
				auth0.RateLimit{Reset: now.Add(-time.Hour)},
			},
			"milliseconds":     {map[string]string{"x-ratelimit-reset": epoch(0) + "000"}, auth0.RateLimit{}},
			"a huge reset":     {map[string]string{"x-ratelimit-reset": "9223372036854775807"}, auth0.RateLimit{}},
			"a tiny reset":     {map[string]string{"x-ratelimit-reset": "-9223372036854775808"}, auth0.RateLimit{}},
			"only a limit":     {map[string]string{"x-ratelimit-limit": "50"}, auth0.RateLimit{}},
			"only a remainder": {map[string]string{"x-ratelimit-remaining": "5"}, auth0.RateLimit{}},
			"negative numbers": {map[string]string{"x-ratelimit-limit": "50", "x-ratelimit-remaining": "-1"}, auth0.RateLimit{}},
			"garbage":          {map[string]string{"x-ratelimit-limit": "a", "x-ratelimit-remaining": "", "x-ratelimit-reset": "1e9", "Retry-After": "soon"}, auth0.RateLimit{}},
			"seconds to wait":  {map[string]string{"Retry-After": "7"}, auth0.RateLimit{RetryAfter: 7 * time.Second}},
			"a negative wait":  {map[string]string{"Retry-After": "-7"}, auth0.RateLimit{}},
			"an endless wait":  {map[string]string{"Retry-After": "2000000000"}, auth0.RateLimit{RetryAfter: 24 * time.Hour}},
			"a date to wait for": {
				map[string]string{"Retry-After": date(time.Hour + 7*time.Second), "Date": date(time.Hour)},
				auth0.RateLimit{RetryAfter: 7 * time.Second},
			},
			"a date that is past": {map[string]string{"Retry-After": date(-time.Hour)}, auth0.RateLimit{}},
			"a date far away":     {map[string]string{"Retry-After": date(1000 * time.Hour)}, auth0.RateLimit{RetryAfter: 24 * time.Hour}},
		}
		for name, test := range tests {
			client := clientOver(t, roundTrip(func(*http.Request) (*http.Response, error) {
				limited := response(http.StatusTooManyRequests, remoteError(429, "Global limit has been reached", "too_many_requests"))
				for header, value := range test.headers {
					limited.Header.Set(header, value)
				}
				return limited, nil
			}))
			_, err := client.Get(t.Context(), "cgr_1")
			got := asError[*auth0.Error](t, err)
			if !auth0.IsRateLimited(err) {
				t.Errorf("%s: got error %v", name, err)
			}
			if diff := cmp.Diff(test.want, got.RateLimit); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
	})
}
