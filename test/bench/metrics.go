package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"k8s.io/client-go/rest"
)

// metric is one line of a metrics endpoint.
type metric struct {
	name   string
	labels map[string]string
	value  float64
}

var label = regexp.MustCompile(`(\w+)="((?:[^"\\]|\\.)*)"`)

// scrape reads the metrics whose name begins with one of the prefixes.
func scrape(ctx context.Context, client *http.Client, address string, prefixes ...string) ([]metric, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answers %d", address, response.StatusCode)
	}
	var found []metric
	for line := range strings.Lines(string(content)) {
		for _, prefix := range prefixes {
			if strings.HasPrefix(line, prefix) {
				found = append(found, read(line))
			}
		}
	}
	return found, nil
}

func read(line string) metric {
	line = strings.TrimSpace(line)
	space := strings.LastIndexByte(line, ' ')
	m := metric{labels: map[string]string{}}
	m.value, _ = strconv.ParseFloat(line[space+1:], 64)
	m.name, _, _ = strings.Cut(line[:space], "{")
	for _, found := range label.FindAllStringSubmatch(line[:space], -1) {
		m.labels[found[1]] = found[2]
	}
	return m
}

// sample is how the operator is at one moment.
type sample struct {
	rss, heap, cpu float64
	// queued is how many objects wait in its queues, busy how many wait or are in hand.
	queued, busy int
}

const mebibyte = 1 << 20

func (o *operator) sample(ctx context.Context) (sample, error) {
	metrics, err := scrape(ctx, http.DefaultClient, o.metrics, "process_", "go_gc_heap_live_bytes", "workqueue_depth",
		"controller_runtime_active_workers")
	if err != nil {
		return sample{}, err
	}
	var s sample
	for _, m := range metrics {
		switch m.name {
		case "process_resident_memory_bytes":
			s.rss = m.value / mebibyte
		case "go_gc_heap_live_bytes":
			s.heap = m.value / mebibyte
		case "process_cpu_seconds_total":
			s.cpu = m.value
		case "workqueue_depth":
			s.queued += int(m.value)
			s.busy += int(m.value)
		case "controller_runtime_active_workers":
			s.busy += int(m.value)
		}
	}
	return s, nil
}

// answers waits until the operator's metrics can be read.
func (o *operator) answers(ctx context.Context) error {
	return until(ctx, time.Minute, func() (bool, error) {
		if err := o.running(); err != nil {
			return false, err
		}
		_, err := o.sample(ctx)
		return err == nil, nil
	})
}

// running fails where the operator has ended: a leader does that when it cannot renew its lease, as on a machine that is much
// too busy.
func (o *operator) running() error {
	select {
	case <-o.Done():
		return errors.New("the operator has ended: its log says why")
	default:
		return nil
	}
}

// writes are what the API server was asked to write by the operator, by what was written. The bench itself creates, updates
// and deletes objects, and never patches them.
func (b *bench) writes(ctx context.Context) (map[string]int, error) {
	client, err := rest.HTTPClientFor(b.cluster.Config)
	if err != nil {
		return nil, err
	}
	metrics, err := scrape(ctx, client, strings.TrimSuffix(b.cluster.Config.Host, "/")+"/metrics", "apiserver_request_total{")
	if err != nil {
		return nil, err
	}
	written := map[string]int{}
	for _, m := range metrics {
		if m.labels["code"] == "409" && m.labels["verb"] == http.MethodPatch {
			written["refused as stale"] += int(m.value)
			continue
		}
		patches := m.labels["verb"] == http.MethodPatch && m.labels["group"] == "auth0.clientgrants.dev"
		switch kind := m.labels["resource"] + "/" + m.labels["subresource"]; {
		case patches && kind == "clientgrants/status":
			written["status"] += int(m.value)
		case patches && kind == "clientgrants/":
			written["finalizers"] += int(m.value)
		case patches:
			written["Auth0Tenant"] += int(m.value)
		case m.labels["resource"] == "events" && (m.labels["verb"] == http.MethodPost || m.labels["verb"] == http.MethodPatch):
			written["events"] += int(m.value)
		}
	}
	return written, nil
}

// until waits for a condition.
func until(ctx context.Context, within time.Duration, condition func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if done, err := condition(); done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s", within)
		case <-tick.C:
		}
	}
}
