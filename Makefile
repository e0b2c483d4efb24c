# Each target does its own set-up; the second run starts at once.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
INDEX := $(or $(GUIDE_INDEX),.index)

.PHONY: help chat index check test lint browser-test screenshots evals quick-evals baseline clean

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

chat: $(INDEX)/CURRENT ## build the index if there is none, and open the window at http://127.0.0.1:7860
	@$(BIN)/guide-chat serve

index: $(READY) ## rebuild the index from corpus/
	@$(BIN)/guide-index build

check: $(READY) ## look for faults in corpus/
	@$(BIN)/guide-index check

test: $(INDEX)/CURRENT lint ## lint, types and tests
	@$(BIN)/python -m pytest -m "not browser"

lint: $(READY) ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

browser-test: $(INDEX)/CURRENT ## the window in a real browser (needs chromium)
	@$(BIN)/python -m pytest -m browser tests/browser

screenshots: $(INDEX)/CURRENT ## pictures of every page and state, in screenshots/ (needs chromium)
	@$(BIN)/python -m tests.browser.screenshots screenshots

evals: $(INDEX)/CURRENT ## measure everything, against floors and baseline; the page is .report/evals.html
	@$(BIN)/guide-evals run --suite all --json .report/run.json --html .report/evals.html

quick-evals: $(INDEX)/CURRENT ## a tenth of the cases and those that must be right
	@$(BIN)/guide-evals run --quick

baseline: $(READY) ## measure anew, and make that the baseline, its history and the README's figures
	@$(BIN)/guide-index build --index $(INDEX)
	@$(BIN)/guide-evals run --suite all --json .report/run.json --html .report/evals.html || test $$? -eq 1
	@$(BIN)/guide-evals baseline save .report/run.json

clean: ## remove the index and the environment
	rm -rf $(VENV) $(INDEX)

$(INDEX)/CURRENT: $(READY)
	@$(BIN)/guide-index build --index $(INDEX)

# torch first and alone: the plain name would bring in gigabytes of CUDA.
$(READY): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
