package main

import (
	"context"
	"crypto/tls"
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

// What reviewing those who read the metrics may cost the API server, however many requests with made-up tokens come.
const (
	reviewQPS     = 5
	reviewBurst   = 10
	reviewTimeout = 5 * time.Second
)

// metricsOptions serve the metrics by plain HTTP; or by TLS, and only to those who may read them.
func metricsOptions(o *options) metricsserver.Options {
	served := metricsserver.Options{BindAddress: o.metricsAddress}
	if o.metricsSecure {
		served.SecureServing, served.CertDir, served.FilterProvider = true, o.metricsCertDir, newReader
		// HTTP/2 would let one connection open requests without end.
		served.TLSOpts = []func(*tls.Config){func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }}
	}
	return served
}

// reader finds out who wants to read the metrics, and whether he may.
type reader struct {
	tokens  authenticationclient.TokenReviewInterface
	reviews authorizationclient.SubjectAccessReviewInterface
}

// newReader makes the filter that lets a request through if the API server knows its token and allows its user the path.
// The filter of controller-runtime does the same, and would bring in the API server's own libraries.
func newReader(config *rest.Config, httpClient *http.Client) (metricsserver.Filter, error) {
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
	r := &reader{tokens: authentication.TokenReviews(), reviews: authorization.SubjectAccessReviews()}
	return r.filter, nil
}

func (r *reader) filter(log logr.Logger, next http.Handler) (http.Handler, error) {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		status, err := r.judge(request)
		switch {
		case err != nil:
			log.Error(err, "Could not find out who may read the metrics: the operator needs the ClusterRole metrics-auth")
			http.Error(w, "the API server did not say who may read this", status)
		case status != http.StatusOK:
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, http.StatusText(status), status)
		default:
			next.ServeHTTP(w, request)
		}
	}), nil
}

// judge asks the API server about the token of a request and the rights of its user.
func (r *reader) judge(request *http.Request) (status int, err error) {
	token, ok := strings.CutPrefix(request.Header.Get("Authorization"), "Bearer ")
	if !ok || token == "" {
		return http.StatusUnauthorized, nil
	}
	ctx, cancel := context.WithTimeout(request.Context(), reviewTimeout)
	defer cancel()
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
		NonResourceAttributes: &authorizationv1.NonResourceAttributes{
			Path: request.URL.Path, Verb: strings.ToLower(request.Method),
		},
	}}, metav1.CreateOptions{})
	switch {
	case err != nil:
		return http.StatusInternalServerError, err
	case !allowed.Status.Allowed:
		return http.StatusForbidden, nil
	}
	return http.StatusOK, nil
}

// registerBuildInfo has the metrics tell what runs.
func registerBuildInfo() error {
	return metrics.Registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "clientgrant_build_info", Help: "Always 1: the version of the operator, and of Go with which it was built.",
		ConstLabels: prometheus.Labels{"version": version, "goversion": runtime.Version()},
	}, func() float64 { return 1 }))
}
