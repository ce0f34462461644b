# Two commands matter to a newcomer: `make drill` and `make test`. `make help` lists the rest.

PYTHON ?= $(shell command -v python3.13 || command -v python3)
VENV := .venv
TOOLS := .venv-tools
SAM := .venv-sam
PEERS := .venv-peers
CLIENTS := .venv-clients
LOWEST := .venv-lowest
# pyenv offers a python3.11 only where it is told to
PYTHON311 ?= $(shell PYENV_VERSION=3.11 python3.11 -c 'import sys; print(sys.executable)' 2>/dev/null)
REGIONS ?= us-east-1 us-west-2
STACK ?= kms-failover
LOCK := pip compile --quiet --universal --python-version 3.13 --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links

export SAM_CLI_TELEMETRY := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONPATH := $(CURDIR)/layers/shared:$(CURDIR)/command:$(CURDIR)

LOCKS := layers/dependencies/requirements.txt requirements-dev.txt local/requirements.txt local/sam-requirements.txt benchmarks/requirements.txt tests/clients/requirements.txt tests/lowest/requirements.txt

.PHONY: help drill test clients lowest python311 simulate fuzz nightly trials practice conformance bench fault-matrix moto-patch check format lock lock-to build deploy deploy-arguments cloud cloud-down clean python

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

drill: $(TOOLS)/ready $(SAM)/ready .aws-sam/ready ## the main job on real files, in a local cloud: DATA=folder, FILES=count, SHORT=1
	@$(TOOLS)/bin/python -m proofs.drill --no-build --sam $(CURDIR)/$(SAM)/bin/sam $(if $(DATA),--data "$(DATA)") $(if $(FILES),--files $(FILES)) $(if $(SHORT),--short)

test: $(VENV)/ready $(TOOLS)/ready ## all tests, on every processor; ARGS for pytest ("-n 0": in one process)
	@$(VENV)/bin/python -m pytest -n auto --dist loadgroup $(ARGS)

clients: $(CLIENTS)/ready ## real clients (Encryption SDK, S3 and DynamoDB Encryption Clients) through an outage; ARGS for pytest
	@$(CLIENTS)/bin/python -m pytest tests/clients $(ARGS)

# The wheel and not the tree: only the tests are found here
lowest: $(VENV)/ready $(LOWEST)/ready ## the client's and the domain's tests on Python 3.11 with the lowest versions, from the wheel; ARGS for pytest
	@rm -rf build/wheel && $(VENV)/bin/python -m hatchling build -t wheel -d build/wheel >/dev/null
	@$(LOWEST)/bin/pip install --quiet --no-deps --force-reinstall build/wheel/*.whl
	@env -u PYTHONPATH $(LOWEST)/bin/python -m pytest -n auto tests/domain tests/client tests/test_face.py $(ARGS)

simulate: $(VENV)/ready ## failovers in virtual time, every invariant checked: RUNS=count, SEED=first, REPLAY=seed, DOCS=1, ARGS
	@$(VENV)/bin/python -m proofs.simulation $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED)) $(if $(REPLAY),--replay $(REPLAY)) $(if $(DOCS),--docs) $(ARGS)

fuzz: $(VENV)/ready ## events nobody has thought of, for every function and parser: RUNS=events a target, SEED=number, ONLY="runbook sweep", SHOW=event
	@$(VENV)/bin/python -m proofs.fuzz $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED)) $(if $(ONLY),--only $(ONLY)) $(if $(SHOW),--show $(SHOW)) $(ARGS)

nightly: ## what takes hours: a million simulated schedules, 100,000 events a function, 20,000 lives of keys, the benchmarks; SEED=number
	@$(MAKE) --no-print-directory simulate RUNS=1000000
	@$(MAKE) --no-print-directory fuzz RUNS=100000
	@KEY_LIVES=20000 $(MAKE) --no-print-directory test ARGS="-n 0 tests/local/test_strict_kms_machine.py"
	@$(MAKE) --no-print-directory bench

trials: $(TOOLS)/ready $(SAM)/ready .aws-sam/ready ## time from silence to a changed route, in a local cloud: TRIALS=count, MODES="warm reports", DOCS=1
	@$(TOOLS)/bin/python -m proofs.trials --sam $(CURDIR)/$(SAM)/bin/sam $(if $(TRIALS),--trials $(TRIALS)) $(if $(MODES),--modes $(MODES)) $(if $(DOCS),--docs)

practice: $(VENV)/ready $(TOOLS)/ready $(SAM)/ready .aws-sam/ready ## the service in a local cloud, left up to give orders to: SILENT=region or none
	@$(TOOLS)/bin/python -m proofs.practice --sam $(CURDIR)/$(SAM)/bin/sam $(if $(SILENT),--silent $(SILENT))

# A profile that is only in the environment is not meant: a real account has to be named here
PROFILE = $(if $(filter command,$(firstword $(origin AWS_PROFILE))),$(AWS_PROFILE))
conformance: $(VENV)/ready $(TOOLS)/ready ## prove the local KMS and S3: SERVICE=kms or s3; ENDPOINT=url, or AWS_PROFILE=name for a real account; ARGS
	@$(VENV)/bin/python -m tests.conformance $(if $(SERVICE),--service $(SERVICE)) $(if $(filter command,$(firstword $(origin ENDPOINT))),--endpoint "$(ENDPOINT)") $(if $(PROFILE),--aws-profile "$(PROFILE)") $(ARGS)

bench: $(VENV)/ready $(PEERS)/ready .aws-sam/ready ## figures against peers, to build/bench.json; DOCS=1 to docs/benchmarks.md too; ONLY="cache memory"
	@$(VENV)/bin/python -m benchmarks $(if $(DOCS),--docs) $(if $(ONLY),--only $(ONLY))

fault-matrix: $(VENV)/ready ## every fault in every place against every operation, to docs/fault-matrix.md
	@$(VENV)/bin/python -m proofs.fault_matrix

moto-patch: $(VENV)/ready ## write the strict KMS as a patch for moto, and run the cases in a patched copy
	@$(VENV)/bin/python -m local.moto_patch $(ARGS)

check: $(VENV)/ready $(SAM)/ready ## the gate: format, lint, types, import contracts, template, locks
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/ruff check
	$(VENV)/bin/mypy layers/shared/kms_failover command/kms_failover_command functions deployment local proofs tests benchmarks
	$(VENV)/bin/mypy --python-version 3.11 layers/shared/kms_failover
	$(VENV)/bin/lint-imports --no-cache
	$(SAM)/bin/sam validate --lint
	@$(MAKE) --no-print-directory LOCK_FOLDER=build/locks lock-to
	@for lock in $(LOCKS); do \
	  diff -q $$lock build/locks/$$(echo $$lock | tr / -) >/dev/null || { echo "$$lock does not match its inputs: run make lock"; exit 1; }; done
	@echo "check: all clean"

format: $(VENV)/ready ## write the house format
	$(VENV)/bin/ruff format
	$(VENV)/bin/ruff check --fix

lock: $(VENV)/ready ## write the seven locks anew from their inputs; UPGRADE=1 takes newer versions
	@$(MAKE) --no-print-directory LOCK_FOLDER=build/locks UPGRADE=$(UPGRADE) lock-to
	@for lock in $(LOCKS); do cmp -s build/locks/$$(echo $$lock | tr / -) $$lock || cp build/locks/$$(echo $$lock | tr / -) $$lock; done

# Starts from the locks that are there, so that only a changed input changes them
lock-to: $(VENV)/ready
	@mkdir -p $(LOCK_FOLDER)
	@for lock in $(LOCKS); do \
	  if [ -f $$lock ]; then cp $$lock $(LOCK_FOLDER)/$$(echo $$lock | tr / -); fi; done
	@$(VENV)/bin/uv $(LOCK) $(if $(UPGRADE),--upgrade) layers/dependencies/requirements.in -o $(LOCK_FOLDER)/layers-dependencies-requirements.txt
	@$(VENV)/bin/uv $(LOCK) $(if $(UPGRADE),--upgrade) pyproject.toml command/pyproject.toml --no-emit-package kms-failover --extra service --group dev -c $(LOCK_FOLDER)/layers-dependencies-requirements.txt -o $(LOCK_FOLDER)/requirements-dev.txt
	@$(VENV)/bin/uv $(LOCK) $(if $(UPGRADE),--upgrade) local/requirements.in --override local/overrides.txt -o $(LOCK_FOLDER)/local-requirements.txt
	@$(VENV)/bin/uv $(LOCK) $(if $(UPGRADE),--upgrade) local/sam-requirements.in -o $(LOCK_FOLDER)/local-sam-requirements.txt
	@$(VENV)/bin/uv $(LOCK) $(if $(UPGRADE),--upgrade) benchmarks/requirements.in -o $(LOCK_FOLDER)/benchmarks-requirements.txt
	@$(VENV)/bin/uv $(LOCK) $(if $(UPGRADE),--upgrade) tests/clients/requirements.in -o $(LOCK_FOLDER)/tests-clients-requirements.txt
	@$(VENV)/bin/uv $(LOCK:3.13=3.11) $(if $(UPGRADE),--upgrade) --resolution lowest-direct pyproject.toml tests/lowest/requirements.in -o $(LOCK_FOLDER)/tests-lowest-requirements.txt

build: .aws-sam/ready ## sam build

# The first of the two regions owns the state table, so it comes first
deploy: deploy-arguments .aws-sam/ready $(VENV)/ready ## sam deploy to two regions of an AWS account: MEMBER_KEY_ARNS=arn,arn BUCKET_NAMES=a,b BUCKET_KEY_ARNS=arn,arn REGIONS="a b" STACK=name PARAMETERS="Name=value …"
	@for region in $(REGIONS); do \
	  $(VENV)/bin/python -m deployment.failed_creation "$(STACK)" $$region || exit 1; \
	  $(SAM)/bin/sam deploy --stack-name "$(STACK)" --region $$region --parameter-overrides \
	    "StateTableHome=$(word 1,$(REGIONS))" "StateTableReplica=$(word 2,$(REGIONS))" "MemberKeyArns=$(MEMBER_KEY_ARNS)" \
	    $(if $(BUCKET_NAMES),"BucketNames=$(BUCKET_NAMES)") $(if $(BUCKET_KEY_ARNS),"BucketKeyArns=$(BUCKET_KEY_ARNS)") $(PARAMETERS) \
	    || { echo "deploy: $$region failed; mend what CloudFormation says above, and run the same command again"; exit 1; }; done

deploy-arguments:
	@test -n "$(MEMBER_KEY_ARNS)" || { echo "deploy: MEMBER_KEY_ARNS is needed: the ARN of every member key, separated by commas"; exit 2; }
	@test "$(words $(REGIONS)) $(words $(sort $(REGIONS)))" = "2 2" || { echo "deploy: REGIONS must be two regions, as in REGIONS=\"eu-west-1 eu-central-1\", not \"$(REGIONS)\""; exit 2; }
	@echo "$(MEMBER_KEY_ARNS)" | tr , '\n' | grep -vE '^arn:aws:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$$' | sed 's/.*/deploy: "&" is no ARN of a KMS key/' | { ! grep .; } || exit 2
	@for region in $(REGIONS); do echo "$(MEMBER_KEY_ARNS)" | grep -q ":kms:$$region:" || { echo "deploy: MEMBER_KEY_ARNS names no key in $$region"; exit 2; }; done

cloud: $(TOOLS)/ready ## start the local cloud and leave it up; PORT=number, KMS="--latency 20", ALARM_MINUTE=seconds, LIMITS='{"state_bytes": 1000}'
	@$(TOOLS)/bin/python -m local.cloud start $(if $(PORT),--port $(PORT)) $(if $(KMS),--kms="$(KMS)") $(if $(ALARM_MINUTE),--alarm-minute $(ALARM_MINUTE)) $(if $(LIMITS),--limits='$(LIMITS)')

cloud-down: $(TOOLS)/ready ## end the local cloud
	@$(TOOLS)/bin/python -m local.cloud stop

clean: ## remove what the other commands made
	@if [ -f build/cloud/cloud.json ] && [ -x $(TOOLS)/bin/python ]; then $(TOOLS)/bin/python -m local.cloud stop; fi
	rm -rf $(VENV) $(TOOLS) $(SAM) $(PEERS) $(CLIENTS) $(LOWEST) .aws-sam build .mypy_cache .ruff_cache .pytest_cache .hypothesis

python:
	@test -n "$(PYTHON)" && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' 2>/dev/null \
	  || { echo "Python 3.13 is needed: install it, or name it with make PYTHON=/path/to/python3.13"; exit 1; }

$(VENV)/ready: requirements-dev.txt pyproject.toml command/pyproject.toml | python
	@echo "setting up $(VENV)"
	@"$(PYTHON)" -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --require-hashes -r requirements-dev.txt
	@$(VENV)/bin/pip install --quiet --no-deps --no-build-isolation -e . -e ./command
	@touch $@

$(TOOLS)/ready: local/requirements.txt | python
	@echo "setting up $(TOOLS) (the local cloud's tools, with versions of their own)"
	@"$(PYTHON)" -m venv $(TOOLS)
	@$(TOOLS)/bin/pip install --quiet --require-hashes -r local/requirements.txt
	@touch $@

$(SAM)/ready: local/sam-requirements.txt | python
	@echo "setting up $(SAM) (the SAM CLI)"
	@"$(PYTHON)" -m venv $(SAM)
	@$(SAM)/bin/pip install --quiet --require-hashes -r local/sam-requirements.txt
	@touch $@

$(PEERS)/ready: benchmarks/requirements.txt | python
	@echo "setting up $(PEERS) (what ours is measured against)"
	@"$(PYTHON)" -m venv $(PEERS)
	@$(PEERS)/bin/pip install --quiet --require-hashes -r benchmarks/requirements.txt
	@touch $@

$(CLIENTS)/ready: tests/clients/requirements.txt | python
	@echo "setting up $(CLIENTS) (the clients that are given a FailoverKms)"
	@"$(PYTHON)" -m venv $(CLIENTS)
	@$(CLIENTS)/bin/pip install --quiet --require-hashes -r tests/clients/requirements.txt
	@touch $@

python311:
	@test -n "$(PYTHON311)" && "$(PYTHON311)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null \
	  || { echo "Python 3.11 is needed: install it, or name it with make lowest PYTHON311=/path/to/python3.11"; exit 1; }

$(LOWEST)/ready: tests/lowest/requirements.txt | python311
	@echo "setting up $(LOWEST) (Python 3.11 and the lowest versions that the client takes)"
	@"$(PYTHON311)" -m venv $(LOWEST)
	@$(LOWEST)/bin/pip install --quiet --require-hashes -r tests/lowest/requirements.txt
	@touch $@

# sam looks for the runtime's own interpreter on the PATH, under its full name
.aws-sam/ready: template.yaml samconfig.toml $(shell find functions layers -type f ! -path '*/__pycache__/*') $(SAM)/ready
	@echo "sam build"
	@mkdir -p .aws-sam build/bin && ln -sf "$$("$(PYTHON)" -c 'import sys; print(sys.executable)')" build/bin/python3.13
	@env -u PYTHONPATH PATH="$(CURDIR)/build/bin:$$PATH" $(SAM)/bin/sam build > build/sam-build.log 2>&1 || { tail -20 build/sam-build.log; exit 1; }
	@touch $@
