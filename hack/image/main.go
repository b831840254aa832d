// Command image makes an image archive of the manager without Docker: what the Dockerfile makes, but for the base, which is
// empty here save for the certificates that TLS needs. The same input makes the same archive, byte by byte.
//
//	image -binary bin/manager -tag NAME:TAG -version VERSION -arch amd64 -out image.tar
package main

import (
	"flag"
	"fmt"
	"os"
	"path"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

func run() error {
	dockerfile := flag.String("dockerfile", "Dockerfile", "`file` that says user, entry point and labels")
	binary := flag.String("binary", "", "the manager, a static `program` for linux")
	tag := flag.String("tag", "", "`name` of the image, with its tag")
	version := flag.String("version", "dev", "what $VERSION in the Dockerfile stands for")
	architecture := flag.String("arch", "amd64", "what the program was built for")
	out := flag.String("out", "", "the `archive` to write")
	flag.Parse()

	reference, err := name.NewTag(*tag)
	if err != nil {
		return fmt.Errorf("-tag %q: %w", *tag, err)
	}
	config, err := configOf(*dockerfile, *version)
	if err != nil {
		return err
	}
	program, err := os.ReadFile(*binary)
	if err != nil {
		return fmt.Errorf("-binary: %w", err)
	}
	image, err := build(config, program, *architecture)
	if err != nil {
		return err
	}
	return tarball.WriteToFile(*out, reference, image)
}

func build(config v1.Config, program []byte, architecture string) (v1.Image, error) {
	base, err := layer(file{name: "etc/ssl/certs/ca-certificates.crt", content: roots(), mode: 0o644})
	if err != nil {
		return nil, err
	}
	manager, err := layer(file{name: path.Clean(config.Entrypoint[0])[1:], content: program, mode: 0o755})
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, base, manager)
	if err != nil {
		return nil, err
	}
	configuration, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	configuration.OS, configuration.Architecture, configuration.Config = "linux", architecture, config
	return mutate.ConfigFile(image, configuration)
}
