package main

import (
	"archive/tar"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

const dockerfile = `FROM golang AS build
USER 0:0
LABEL stage="build"
FROM static
ARG VERSION=dev
LABEL org.opencontainers.image.version="$VERSION"
LABEL org.opencontainers.image.title="an image"
USER 65532:65532
ENTRYPOINT ["/manager"]
`

func TestImageIsWhatTheDockerfileSays(t *testing.T) {
	image := built(t)
	configuration, err := image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config := configuration.Config
	if config.User != "65532:65532" || len(config.Entrypoint) != 1 || config.Entrypoint[0] != "/manager" {
		t.Errorf("user %q, entry point %q", config.User, config.Entrypoint)
	}
	if len(config.Labels) != 2 || config.Labels["org.opencontainers.image.version"] != "v1.2.3" {
		t.Errorf("labels %v", config.Labels)
	}
	if configuration.OS != "linux" || configuration.Architecture != "arm64" {
		t.Errorf("platform %s/%s", configuration.OS, configuration.Architecture)
	}
}

func TestImageHoldsTheProgramAndRootsThatCanBeRead(t *testing.T) {
	files, modes := contents(t, built(t))
	if files["manager"] != "program" || modes["manager"] != 0o755 {
		t.Errorf("manager is %q with mode %o", files["manager"], modes["manager"])
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(files["etc/ssl/certs/ca-certificates.crt"])) {
		t.Error("no certificates")
	}
	if len(files) != 2 {
		t.Errorf("%d files", len(files))
	}
}

func TestSameInputMakesTheSameImage(t *testing.T) {
	first, err := built(t).Digest()
	if err != nil {
		t.Fatal(err)
	}
	second, err := built(t).Digest()
	if err != nil {
		t.Fatal(err)
	}
	if first != second {
		t.Errorf("%s and %s", first, second)
	}
}

func TestDockerfileThatCannotBeReadIsRefused(t *testing.T) {
	for name, content := range map[string]string{
		"no user":                   "FROM static\nENTRYPOINT [\"/manager\"]\n",
		"an entry point of a shell": "FROM static\nUSER 1\nENTRYPOINT /manager\n",
		"a label without quotes":    "FROM static\nUSER 1\nLABEL a=b\nENTRYPOINT [\"/manager\"]\n",
	} {
		if _, err := configOf(written(t, content), "dev"); err == nil {
			t.Error(name, "was accepted")
		}
	}
}

func built(t *testing.T) v1.Image {
	t.Helper()
	config, err := configOf(written(t, dockerfile), "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	image, err := build(config, []byte("program"), "arm64")
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func written(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "Dockerfile")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func contents(t *testing.T, image v1.Image) (map[string]string, map[string]int64) {
	t.Helper()
	files, modes := map[string]string{}, map[string]int64{}
	reader := mutate.Extract(image)
	defer reader.Close()
	archive := tar.NewReader(reader)
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files, modes
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name], modes[header.Name] = string(content), header.Mode
	}
}
