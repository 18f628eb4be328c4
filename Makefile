.DEFAULT_GOAL := help
.PHONY: help run test lint fix gen bench soak

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start the product on http://127.0.0.1:8080 with its data in ./data
	go run ./cmd/leadflip serve

test: ## Every check on both databases and in a browser; sets up what it needs
	@tools/test.sh

lint: ## The linter alone
	@tools/test.sh setup format vet lint

fix: ## Mend what the linter can mend by itself
	go -C tools/lint build -o $(CURDIR)/bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
	bin/golangci-lint run --fix ./...

gen: ## Make what is generated: templates, stylesheet, docs/openapi.json, tables in documents
	@tools/gen.sh

bench: ## Measure speed and cost, and write the figures to docs/benchmarks.md
	cd bench && go run . -out ../docs/benchmarks.md

soak: ## Crash the server 10,000 times (CRASHES=5000 on each database), then all other harnesses at length (ROUNDS=500)
	LEADFLIP_TEST_ROUNDS=$(or $(CRASHES),5000) CI=true go run ./internal/platform/db/dbtest/withpg \
		go test -timeout 0 -count=1 -v -run 'TestNoAcknowledgedLeadIsLost/.*/kill' ./e2e
	LEADFLIP_TEST_ROUNDS=$(or $(ROUNDS),500) CI=true go run ./internal/platform/db/dbtest/withpg \
		go test -race -timeout 0 -count=1 ./internal/platform/db ./internal/platform/event ./internal/app ./e2e
