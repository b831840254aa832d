package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/cache"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// What reviewing those who read the metrics may cost the API server, however many requests with made-up tokens come.
const (
	reviewQPS     = 20
	reviewBurst   = 20
	reviewTimeout = 5 * time.Second
	// mostReviews bounds the reviews under way; further requests wait for one of them, in their order.
	mostReviews = 4
)

// How long answers of the API server are remembered. Who was let in once is not asked about behind those who were not.
const (
	rememberedReviews = 1000
	allowedFor        = time.Minute
	refusedFor        = 5 * time.Second
	knownFor          = time.Hour
)

// reader finds out who wants to read the metrics, and whether he may.
type reader struct {
	// known reviews those who were let in before, unknown all others: neither wait for the other.
	known, unknown *reviewer
	// allowed and refused hold answers, friends who was let in, by the request that was reviewed.
	allowed, refused, friends *cache.LRUExpireCache
	// complaints has one failure in a minute logged.
	complaints rate.Sometimes
}

// newReader makes the filter that lets a request through if the API server knows its token and allows its user the path.
// The filter of controller-runtime does the same, and would bring in the API server's own libraries.
func newReader(config *rest.Config, httpClient *http.Client) (metricsserver.Filter, error) {
	known, err := newReviewer(config, httpClient)
	if err != nil {
		return nil, err
	}
	unknown, err := newReviewer(config, httpClient)
	if err != nil {
		return nil, err
	}
	return newReaderOf(known, unknown).filter, nil
}

func newReaderOf(known, unknown *reviewer) *reader {
	remembered := func() *cache.LRUExpireCache { return cache.NewLRUExpireCache(rememberedReviews) }
	return &reader{
		known: known, unknown: unknown, allowed: remembered(), refused: remembered(), friends: remembered(),
		complaints: rate.Sometimes{Interval: time.Minute},
	}
}

func (r *reader) filter(log logr.Logger, next http.Handler) (http.Handler, error) {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		status, err := r.judge(request)
		switch {
		case errors.Is(err, errBusy):
			http.Error(w, "too many requests with unknown tokens", status)
		case err != nil:
			r.complaints.Do(func() {
				log.Error(err, "Could not find out who may read the metrics: the operator needs the ClusterRole metrics-auth")
			})
			http.Error(w, "the API server did not say who may read this", status)
		case status != http.StatusOK:
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, http.StatusText(status), status)
		default:
			next.ServeHTTP(w, request)
		}
	}), nil
}

// asked is what was asked for, and by whom: a digest of the token.
type asked struct {
	token      [sha256.Size]byte
	path, verb string
}

func askedBy(request *http.Request, token string) asked {
	return asked{sha256.Sum256([]byte(token)), request.URL.Path, strings.ToLower(request.Method)}
}

// judge answers from what is remembered, or asks the API server.
func (r *reader) judge(request *http.Request) (status int, err error) {
	if request.Method != http.MethodGet && request.Method != http.MethodHead { // A method may be as long as a header.
		return http.StatusMethodNotAllowed, nil
	}
	token, ok := strings.CutPrefix(request.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return http.StatusUnauthorized, nil
	}
	of := askedBy(request, token)
	if _, allowed := r.allowed.Get(of); allowed {
		return http.StatusOK, nil
	}
	if refused, ok := r.refused.Get(of); ok {
		status, _ := refused.(int)
		return status, nil
	}
	by := r.unknown
	if _, friend := r.friends.Get(of); friend {
		by = r.known
	}
	status, err = by.review(request.Context(), token, of)
	switch {
	case err != nil:
	case status == http.StatusOK:
		r.allowed.Add(of, status, allowedFor)
		r.friends.Add(of, status, knownFor)
	default:
		r.refused.Add(of, status, refusedFor)
		r.friends.Remove(of)
	}
	return status, err
}

// errBusy says that too many others were to be reviewed first.
var errBusy = errors.New("too many reviews are under way")

// reviewer asks the API server about the token of a request and the rights of its user.
type reviewer struct {
	tokens  authenticationclient.TokenReviewInterface
	reviews authorizationclient.SubjectAccessReviewInterface
	slots   chan struct{}
}

func newReviewer(config *rest.Config, httpClient *http.Client) (*reviewer, error) {
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = reviewQPS, reviewBurst
	authentication, err := authenticationclient.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, err
	}
	authorization, err := authorizationclient.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, err
	}
	return &reviewer{authentication.TokenReviews(), authorization.SubjectAccessReviews(), make(chan struct{}, mostReviews)}, nil
}

func (r *reviewer) review(ctx context.Context, token string, of asked) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	case <-ctx.Done():
		return http.StatusServiceUnavailable, errBusy
	}
	known, err := r.tokens.Create(ctx, &authenticationv1.TokenReview{
		Spec: authenticationv1.TokenReviewSpec{Token: token},
	}, metav1.CreateOptions{})
	if err != nil {
		return http.StatusInternalServerError, err
	}
	if !known.Status.Authenticated {
		return http.StatusUnauthorized, nil
	}
	user, extra := known.Status.User, map[string]authorizationv1.ExtraValue{}
	for key, value := range user.Extra {
		extra[key] = authorizationv1.ExtraValue(value)
	}
	allowed, err := r.reviews.Create(ctx, &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User: user.Username, UID: user.UID, Groups: user.Groups, Extra: extra,
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{Path: of.path, Verb: of.verb},
	}}, metav1.CreateOptions{})
	switch {
	case err != nil:
		return http.StatusInternalServerError, err
	case !allowed.Status.Allowed:
		return http.StatusForbidden, nil
	}
	return http.StatusOK, nil
}
