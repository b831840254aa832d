package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/client-go/rest"
)

// reviews is an API server that knows one token, whose user may do everything.
type reviews struct {
	made, underWay, most atomic.Int64
	broken               atomic.Bool
}

func (s *reviews) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.made.Add(1)
	if now := s.underWay.Add(1); now > s.most.Load() {
		s.most.Store(now)
	}
	defer s.underWay.Add(-1)
	time.Sleep(time.Millisecond) // What a review takes.
	if s.broken.Load() {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	token, access := &authenticationv1.TokenReview{}, &authorizationv1.SubjectAccessReview{}
	var answer any = token
	if r.URL.Path == "/apis/authentication.k8s.io/v1/tokenreviews" {
		_ = json.NewDecoder(r.Body).Decode(token)
		token.Status.Authenticated = token.Spec.Token == "known"
	} else {
		access.Status.Allowed, answer = true, access
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// metricsBehind is what reads metrics behind the filter, with a token, and how many lines it logged.
func metricsBehind(t *testing.T, server http.Handler) (read func(token string) int, lines *atomic.Int64) {
	t.Helper()
	running := httptest.NewServer(server)
	t.Cleanup(running.Close)
	config := &rest.Config{Host: running.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json", AcceptContentTypes: "application/json"}}
	filter, err := newReader(config, running.Client())
	if err != nil {
		t.Fatal(err)
	}
	lines = &atomic.Int64{}
	log := funcr.New(func(string, string) { lines.Add(1) }, funcr.Options{})
	handler, err := filter(log, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	if err != nil {
		t.Fatal(err)
	}
	return func(token string) int {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody)
		request.Header.Set("Authorization", "Bearer "+token)
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		return answer.Code
	}, lines
}

// Of what a client may make as long as it likes, nothing is asked and nothing is remembered.
func TestReader_AnswersNoOtherMethod(t *testing.T) {
	r := &reader{}
	for _, method := range []string{http.MethodPost, strings.Repeat("X", 1<<10)} {
		request := httptest.NewRequestWithContext(t.Context(), method, "/metrics", http.NoBody)
		request.Header.Set("Authorization", "Bearer known")
		if status, err := r.judge(request); status != http.StatusMethodNotAllowed || err != nil {
			t.Errorf("%.8s is answered %d, %v", method, status, err)
		}
	}
}

// However many made-up tokens come, Prometheus reads at once, and the API server is hardly asked.
func TestReader_ServesTheKnownWhateverTheUnknownDo(t *testing.T) {
	server := &reviews{}
	read, lines := metricsBehind(t, server)
	if got := read("known"); got != http.StatusOK {
		t.Fatalf("got %d before the noise", got)
	}
	var strangers sync.WaitGroup
	ended := make(chan struct{})
	for stranger := range 100 {
		strangers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-ended:
					return
				default:
				}
				if got := read(fmt.Sprintf("made-up-%d-%d", stranger, i)); got == http.StatusOK {
					t.Errorf("a made-up token is let in")
				}
			}
		})
	}
	start := time.Now()
	for range 20 {
		began := time.Now()
		if got := read("known"); got != http.StatusOK || time.Since(began) > time.Second {
			t.Errorf("got %d after %s", got, time.Since(began))
		}
		time.Sleep(50 * time.Millisecond) // Prometheus comes again and again.
	}
	took := time.Since(start)
	close(ended)
	strangers.Wait()
	if most := server.most.Load(); most > 2*mostReviews {
		t.Errorf("%d reviews at once", most)
	}
	if made, bound := server.made.Load(), reviewBurst+int64((took+2*reviewTimeout).Seconds()*reviewQPS); made > bound {
		t.Errorf("%d reviews in %s, want %d at most", made, took, bound)
	}
	if lines.Load() > 1 {
		t.Errorf("%d lines were logged", lines.Load())
	}
}

// Once its minute is over, a token that was let in is asked about, and not behind those that were not.
func TestReader_AsksAboutTheKnownBeforeTheUnknown(t *testing.T) {
	server := &reviews{}
	running := httptest.NewServer(server)
	t.Cleanup(running.Close)
	reviewer := func() *reviewer {
		made, err := newReviewer(&rest.Config{Host: running.URL, ContentConfig: rest.ContentConfig{ContentType: "application/json"}}, running.Client())
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	r := newReaderOf(reviewer(), reviewer())
	for range mostReviews {
		r.unknown.slots <- struct{}{} // Strangers hold all of them.
	}
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", http.NoBody)
	request.Header.Set("Authorization", "Bearer known")
	r.friends.Add(askedBy(request, "known"), http.StatusOK, knownFor)
	if status, err := r.judge(request); status != http.StatusOK || err != nil {
		t.Errorf("got %d, error %v", status, err)
	}
	before := server.made.Load()
	if status, err := r.judge(request); status != http.StatusOK || err != nil || server.made.Load() != before {
		t.Errorf("got %d, error %v and %d more reviews for what is remembered", status, err, server.made.Load()-before)
	}
}

func TestReader_ComplainsOnceAMinute(t *testing.T) {
	server := &reviews{}
	server.broken.Store(true)
	read, lines := metricsBehind(t, server)
	for i := range 20 {
		if got := read(fmt.Sprint("token-", i)); got != http.StatusInternalServerError {
			t.Errorf("got %d", got)
		}
	}
	if lines.Load() != 1 {
		t.Errorf("%d lines were logged, want one", lines.Load())
	}
}
