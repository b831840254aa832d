# The image that docker-build makes and deploy runs.
IMG ?= ghcr.io/clientgrants/clientgrant-operator:latest
# What the manager says that it is.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# The namespace of config/default.
NAMESPACE ?= clientgrant-system
# The platforms of docker-buildx.
PLATFORMS ?= linux/amd64,linux/arm64
# The race detector needs a C compiler; RACE= does without both.
RACE ?= -race
CONTAINER_TOOL ?= docker
KUBECTL ?= kubectl

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# One set of flags for everything but the race detector: every other set compiles the Kubernetes libraries again.
USER_GOFLAGS := $(filter-out -trimpath,$(GOFLAGS))
PLAIN := CGO_ENABLED=0 GOFLAGS="$(strip $(USER_GOFLAGS) -trimpath)"

TOOL := $(PLAIN) go tool -modfile=hack/tools/go.mod
GOLANGCI_LINT_MODULE := $(CURDIR)/hack/tools/golangci/go.mod
GOLANGCI_LINT := $(PLAIN) go tool -modfile=$(GOLANGCI_LINT_MODULE) golangci-lint

# Building it takes minutes; PROMTOOL=promtool takes the one of your path.
PROMTOOL ?= $(PLAIN) go tool -modfile=hack/tools/promtool/go.mod promtool

# What the simulator writes down of every request and answer while the suites run.
EXCHANGES := $(CURDIR)/bin/exchanges
# One object of every state that the operator's objects went through meanwhile.
STATES := $(CURDIR)/bin/states
SUITE_SOURCES = go.mod go.sum $(shell find api cmd hack internal test -name '*.go' -not -name 'zz_generated.*' \
	-not -path 'test/conformance/*' -not -path 'test/contract/*' 2>/dev/null)

##@ General

.PHONY: help
help: ## Show this help.
	@awk 'BEGIN { FS = ":.*##"; print "Usage: make TARGET" } \
		/^[a-z-]+:.*##/ { printf "  %-15s%s\n", $$1, $$2 } \
		/^##@/ { printf "\n%s\n", substr($$0, 5) }' $(MAKEFILE_LIST)

##@ Development

.PHONY: generate
generate: ## Generate the deepcopy methods of the API types.
	$(TOOL) controller-gen object:headerFile=hack/boilerplate.go.txt paths=./api/...

.PHONY: manifests
manifests: ## Generate the CRDs, and the manager's ClusterRole from the markers above the reconcilers.
	$(TOOL) controller-gen crd paths=./api/... output:crd:dir=config/crd/bases
	$(TOOL) controller-gen rbac:roleName=manager paths=./internal/... output:rbac:dir=config/rbac

.PHONY: docs
docs: ## Generate docs/reference.md from the API types.
	$(TOOL) crd-ref-docs --source-path=api --config=hack/crd-ref-docs.yaml --renderer=markdown --log-level=WARN \
		--output-path=docs/reference.md

.PHONY: fmt
fmt: ## Format the Go code.
	$(GOLANGCI_LINT) fmt

.PHONY: lint
lint: ## Run the linters.
	$(GOLANGCI_LINT) run
	cd test/contract && $(GOLANGCI_LINT) run

.PHONY: build
build: ## Build bin/manager.
	$(PLAIN) go build -ldflags "-s -w -X main.version=$(VERSION)" -o bin/manager ./cmd/manager

.PHONY: run
run: ## Run the manager on this machine against the cluster of your kubeconfig, after make install.
	$(PLAIN) go run ./cmd/manager --namespace=$(NAMESPACE)

.PHONY: demo
demo: build ## Show the operator at work: a real API server, a simulated Auth0 tenant, a few grants; then clean up.
	assets=$$(hack/control-plane.sh) && KUBEBUILDER_ASSETS="$$assets" $(PLAIN) go run ./hack/demo

.PHONY: dev
dev: build ## Like demo, but keep everything running to try things out, until you press Ctrl-C.
	assets=$$(hack/control-plane.sh) && KUBEBUILDER_ASSETS="$$assets" $(PLAIN) go run ./hack/demo -keep

# What make bench runs: one row, by its name, or all; and how many objects, as a share of the full number.
BENCH ?=
SCALE ?= 1

.PHONY: bench
bench: build ## Measure what the operator costs; fails where a bound is missed: BENCH=ROW for one row, SCALE=0.1 for fewer objects.
	assets=$$(hack/control-plane.sh) && KUBEBUILDER_ASSETS="$$assets" $(PLAIN) go run ./test/bench \
		-row "$(BENCH)" -scale $(SCALE) -json bin/bench.json -log bin/bench.log

##@ Checks

.PHONY: test
test: ## Run every suite with the race detector, against a real API server.
	@if [ -n "$(RACE)" ] && ! command -v "$$(go env CC)" >/dev/null; then \
		echo "the race detector needs a C compiler: install one, or run \"make test RACE=\"" >&2; exit 1; fi
	rm -rf $(EXCHANGES) $(STATES) && mkdir -p $(EXCHANGES) $(STATES) && touch $(EXCHANGES)/.started
	assets=$$(hack/control-plane.sh) && KUBEBUILDER_ASSETS="$$assets" CONTRACT_LOG_DIR=$(EXCHANGES) STATUS_LOG_DIR=$(STATES) \
		$(if $(RACE),CGO_ENABLED=1 GOFLAGS="$(USER_GOFLAGS)",$(PLAIN)) go test $(RACE) -count=1 -timeout 20m ./...
	mv $(EXCHANGES)/.started $(EXCHANGES)/.complete

# As old as the start of the run: a source that was changed since makes it out of date.
$(EXCHANGES)/.complete: $(SUITE_SOURCES)
	$(MAKE) test

# Asked first: the suites take minutes.
.PHONY: openapi
openapi:
	@if [ ! -f "$(OPENAPI)" ]; then \
		echo "name the OpenAPI description of the Management API: make contract OPENAPI=FILE" >&2; exit 1; fi

.PHONY: contract
contract: openapi $(EXCHANGES)/.complete ## Check what the suites sent and got against Auth0's API description: OPENAPI=FILE.
	cd test/contract && $(PLAIN) go test ./...
	$(PLAIN) go build -C test/contract -o $(CURDIR)/bin/contract .
	bin/contract -openapi "$(OPENAPI)" -exchanges $(EXCHANGES)

.PHONY: conformance
conformance: $(EXCHANGES)/.complete ## Have kstatus and Argo CD's Lua judge the suites' objects, and Auth0's Go SDK the simulator.
	cd test/conformance && STATUS_LOG_DIR=$(STATES) $(PLAIN) go test -count=1 ./...

.PHONY: test-alerts
test-alerts: ## Check the alerts and run their unit tests.
	$(PROMTOOL) check rules config/prometheus/rules.yaml
	$(PROMTOOL) test rules test/alerts/alerts_test.yaml

.PHONY: verify
verify: ## Fail if generated files or a module are not up to date, or a kustomization does not build.
	@MAKE="$(MAKE)" $(PLAIN) hack/verify.sh

.PHONY: vulncheck
vulncheck: ## Look for known vulnerabilities in what the manager uses.
	$(TOOL) govulncheck ./...

.PHONY: control-plane
control-plane: ## Find, fetch or build the kube-apiserver and etcd that tests and demo use, and print where they are.
	@hack/control-plane.sh

##@ Cluster

.PHONY: install
install: ## Install the CRDs in the cluster of your kubeconfig.
	$(TOOL) kustomize build config/crd | $(KUBECTL) apply --server-side -f -

.PHONY: uninstall
uninstall: ## Remove the CRDs. Refuses while there are objects: removing a CRD deletes them, which revokes their grants.
	@objects=$$(for kind in clientgrants auth0tenants; do \
		crd=$$($(KUBECTL) get crd $$kind.auth0.clientgrants.dev --ignore-not-found -o name) || exit 1; \
		[ -z "$$crd" ] || $(KUBECTL) get $$kind.auth0.clientgrants.dev --all-namespaces -o name || exit 1; \
	done) || exit 1; \
	if [ -n "$$objects" ]; then \
		echo "$$objects" >&2; \
		echo "delete these first, while the operator runs: it revokes or releases their grants" >&2; \
		exit 1; \
	fi
	$(TOOL) kustomize build config/crd | $(KUBECTL) delete --ignore-not-found -f -

.PHONY: deploy
deploy: ## Deploy CRDs and operator: IMG=IMAGE.
	$(TOOL) kustomize build config/default | sed 's|image: ghcr.io/clientgrants/clientgrant-operator.*|image: $(IMG)|' | \
		$(KUBECTL) apply --server-side -f -

.PHONY: undeploy
undeploy: ## Remove the operator. CRDs, objects, Secrets, the namespace and every grant in Auth0 stay.
	$(KUBECTL) delete deployments,serviceaccounts,roles,rolebindings --namespace $(NAMESPACE) \
		--selector app.kubernetes.io/name=clientgrant-operator
	$(KUBECTL) delete clusterroles,clusterrolebindings --selector app.kubernetes.io/name=clientgrant-operator

##@ Image

.PHONY: docker-build
docker-build: ## Build the image: IMG=IMAGE.
	$(CONTAINER_TOOL) build --build-arg VERSION=$(VERSION) --tag $(IMG) .

.PHONY: docker-buildx
docker-buildx: ## Build and push the image for several platforms: IMG=IMAGE PLATFORMS=LIST.
	$(CONTAINER_TOOL) buildx build --platform $(PLATFORMS) --build-arg VERSION=$(VERSION) --tag $(IMG) --push .

##@ Housekeeping

.PHONY: clean
clean: ## Remove what was built, but the control plane, which takes minutes to build.
	rm -rf bin/manager bin/contract bin/exchanges bin/states bin/bench.json bin/bench.log dist
