package harness

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
)

// Simulator is a simulated Auth0 tenant that runs as a process of its own.
type Simulator struct {
	*Program
	// Domain is where it is reached, CAFile has the certificate to trust.
	Domain, CAFile string
	// ClientID and ClientSecret are the credentials for its Management API.
	ClientID, ClientSecret string

	client *http.Client
}

// BuildSimulator builds the program; the working directory is the root of the repository.
func BuildSimulator(ctx context.Context, path string) error {
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", path, "./test/auth0sim")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the simulator: %w\n%s", err, output)
	}
	return nil
}

// StartSimulator starts the program and waits for the lines that say how to reach it.
func StartSimulator(ctx context.Context, path, caFile string, flags ...string) (*Simulator, error) {
	program, err := Start(path, append([]string{"-ca-file=" + caFile}, flags...), nil)
	if err != nil {
		return nil, err
	}
	var told map[string]string
	err = wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		select {
		case <-program.Done():
			return false, errors.New("it has ended")
		default:
		}
		output := program.Output()
		told = values(output)
		return told["client_secret"] != "" && strings.HasSuffix(output, "\n"), nil
	})
	if err == nil {
		s := &Simulator{
			Program: program, Domain: told["domain"], CAFile: told["ca_file"],
			ClientID: told["client_id"], ClientSecret: told["client_secret"],
		}
		if err = s.connect(); err == nil {
			return s, nil
		}
	}
	program.Kill()
	return nil, fmt.Errorf("the simulator does not say how to reach it: %w\n%s", err, program.Output())
}

// values reads lines of the form name=value.
func values(text string) map[string]string {
	found := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			found[name] = value
		}
	}
	return found
}

func (s *Simulator) connect() error {
	transport, err := s.Transport()
	if err != nil {
		return err
	}
	s.client = &http.Client{Timeout: time.Minute, Transport: transport}
	return nil
}

// Transport trusts the simulator and nobody else.
func (s *Simulator) Transport() (*http.Transport, error) {
	certificate, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(certificate) {
		return nil, errors.New("the simulator's certificate cannot be read")
	}
	return &http.Transport{
		TLSClientConfig:     &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost: 16, ForceAttemptHTTP2: true,
	}, nil
}

// Call calls an endpoint for people and scripts, under /_sim/, and decodes its answer, where there is one.
func (s *Simulator) Call(ctx context.Context, method, path string, body, answer any) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, "https://"+s.Domain+"/_sim/"+path, bytes.NewReader(content))
	if err != nil {
		return err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("the simulator answers %d to %s %s: %s", response.StatusCode, method, path, got)
	}
	if answer == nil || len(got) == 0 {
		return nil
	}
	return json.Unmarshal(got, answer)
}
