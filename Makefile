# The targets are explained in CONTRIBUTING.md; what they do lives in tools/.
.DEFAULT_GOAL := build
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin
.PHONY: deps build demo test lint format header reference bench

deps:
	@tools/deps.sh all

build:
	@tools/build.sh

demo:
	@tools/deps.sh run
	@tools/demo.sh

test:
	@tools/deps.sh all
	@tools/check.sh all

lint:
	@tools/deps.sh all
	@tools/check.sh lint

format:
	@cargo fmt --all
	@tools/lua_files.sh | xargs stylua

header:
	@LJOS_WRITE_HEADER=1 cargo test -q -p ljos --test header

reference:
	@luajit doc/api.lua doc/api

bench:
	@tools/deps.sh run
	@bench/run.sh
