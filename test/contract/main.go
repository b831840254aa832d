// Contract checks what the test suites sent and received against the official OpenAPI description of the Auth0
// Management API: that the client and the simulator speak the real API, and not one that they made up together.
//
//	contract -openapi management-api.json -exchanges FOLDER
//
// FOLDER holds the *.jsonl files that the simulator writes. The exit code is 1 if anything contradicts the description
// without a recording of the real API as the reason, or if there was nothing to check.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	openapi := flag.String("openapi", "", "file of the OpenAPI description")
	folder := flag.String("exchanges", "", "folder of the recorded exchanges")
	flag.Parse()
	report, err := run(*openapi, *folder, exceptions)
	if err != nil {
		fmt.Fprintln(os.Stderr, "contract:", err)
		os.Exit(1)
	}
	report.print(os.Stdout)
	if !report.ok() {
		os.Exit(1)
	}
}

func run(openapi, folder string, exceptions []exception) (*report, error) {
	description, err := loadDescription(openapi)
	if err != nil {
		return nil, err
	}
	report := newReport(exceptions)
	for exchange, err := range exchanges(folder) {
		if err != nil {
			return nil, err
		}
		if err := check(description, exchange, report); err != nil {
			return nil, fmt.Errorf("%s: %w", exchange.source, err)
		}
	}
	return report, nil
}
