# `make demo` and `make test` need Rust and a C compiler. What else the tests need, they install.

CARGO ?= cargo
# A folder of real advisories in the OSV bucket's layout; without it, only the project's own are used.
ADVISORIES ?=
export ADVISORIES

.PHONY: demo demo-pipeline test test-fast test-real check bench fmt

## Builds the program, assembles a small real image, and scans it. Needs no network but the crates'.
demo:
	$(CARGO) build --release --package plimsoll
	@$(CARGO) xtask demo

## A pipeline on this machine, offline: a gate that fails, a fix, a promotion, and an image that passed by it all.
demo-pipeline:
	$(CARGO) build --release --package plimsoll --package plimsolld
	@$(CARGO) xtask demo-pipeline

## All tests: the fast ones, then those against real registries, engines and images.
test:
	@$(CARGO) xtask test

## The tests that need nothing but Rust.
test-fast:
	@$(CARGO) xtask test --fast

## The tests against real parts alone. Installs Debian's packages where they are missing.
test-real:
	@$(CARGO) xtask test --real

## What the CI checks before it tests: format, lints, documents.
check:
	@$(CARGO) xtask check

## Benchmarks, side by side in one run.
bench:
	@$(CARGO) xtask bench

fmt:
	$(CARGO) fmt --all
