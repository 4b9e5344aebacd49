# `check` needs only the build tools, `check-all` needs root.
# Test programs are built in their own directory, with the sanitizers and with TEST_BUILD (src/config/machine.h: the
# clock can be set). The packages test themselves with `make check SANITIZE=`, in a third of the time: only what depends
# on TEST_BUILD is compiled again, and there are no fuzz targets, which are of no use without sanitizers.

SANITIZE   := -fsanitize=address,undefined -fno-sanitize-recover=all
ASAN       := $(BUILD)-asan
ASAN_MAKE   = $(MAKE) BUILD=$(ASAN) TEST_BUILD=1 $(if $(SANITIZE),CFLAGS='-O1 -g' SAN='$(SANITIZE)')
UNIT_SRC   := $(wildcard tests/unit/test_*.c)
UNIT       := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/tests/%)

FUZZ_SRC   := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ       := $(if $(SANITIZE),$(FUZZ_SRC:tests/fuzz/%.c=$(BUILD)/fuzz/%))

.PHONY: check check-all fuzz deps releases rootfs
SUITES ?= unit fuzz cli
check: test-programs ## unit and command-line tests: under a minute, no root
	$(Q)tests/run $(SUITES)

check-all: ## everything, from a bare machine: the real etcd, booted machines, packages (root)
	$(Q)$(MAKE) deps
	$(Q)$(MAKE) -j$$(nproc) test-programs releases rootfs repo
	$(Q)tests/run unit fuzz cli cluster machine

# Two are also built without sanitizers, because a sanitized child cannot run in the jail (src/base/jail.c).
# tests/run runs every program that it finds, so programs without a source are removed.
.PHONY: test-programs check-unit-programs
test-programs: build $(BUILD)/tests/test_proc $(BUILD)/tests/test_mirror $(BUILD)/lib/certify
	$(Q)rm -f $(filter-out $(UNIT:$(BUILD)/%=$(ASAN)/%),$(wildcard $(ASAN)/tests/test_*))
	$(if $(SANITIZE),,$(Q)mkdir -p $(ASAN) && cp -a $(BUILD)/src $(BUILD)/gen $(ASAN)/ && \
		rm -f $$(grep -l TEST_BUILD src/*/*.c | sed 's,\(.*\)c$$,$(ASAN)/\1o,'))
	+$(Q)$(ASAN_MAKE) build check-unit-programs
check-unit-programs: $(UNIT) $(FUZZ) $(BUILD)/lib/certify $(BUILD)/lib/ask-server

$(BUILD)/tests/%: tests/unit/%.c $(wildcard tests/unit/*.h) $(LIB)
	$(call log,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -Itests/unit $(LDFLAGS) -o $@ $< $(LIB) $(LDLIBS) -lcmocka

# Programs that tests and benchmarks run (described in the first lines of each).
$(BUILD)/lib/%: tests/lib/%.c $(LIB)
	$(call log,TEST,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< $(LIB) $(LDLIBS)

# replay.c is a main() that passes the files of the corpus to the target.
$(BUILD)/fuzz/%: tests/fuzz/%.c tests/fuzz/replay.c $(LIB)
	$(call log,FUZZ,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< tests/fuzz/replay.c $(LIB) $(LDLIBS)

fuzz: ## run every fuzz target for FUZZ_SECONDS (60) each (clang)
	$(Q)$(MAKE) BUILD=$(BUILD)-fuzz CC=clang TEST_BUILD=1 CFLAGS='-O1 -g' \
		SAN='-fsanitize=address,undefined,fuzzer-no-link' fuzz-programs
	$(Q)for t in $(FUZZ_SRC:tests/fuzz/%.c=%); do \
		$(BUILD)-fuzz/fuzz/$$t.libfuzzer -max_total_time=$(or $(FUZZ_SECONDS),60) -print_final_stats=1 \
			$(BUILD)-fuzz tests/fuzz/corpus/$${t#fuzz_} || exit 1; done

.PHONY: fuzz-programs
fuzz-programs: $(FUZZ:%=%.libfuzzer)
$(BUILD)/fuzz/%.libfuzzer: tests/fuzz/%.c $(LIB)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -fsanitize=fuzzer $(LDFLAGS) -o $@ $< $(LIB) $(LDLIBS)

.PHONY: thorough
thorough: test-programs releases ## cluster tests with all etcd series and many more kills, clean builds: hours, root
	$(Q)THOROUGH=1 LIMIT=36000 tests/run cluster mutants
	$(Q)THOROUGH=1 ONLY=clean-build tests/run machine

.PHONY: model
model: $(BUILD)/tests/test_form_model ## the model of forming with more faults than `check` has time for: a minute
	$(Q)MODEL_LARGE=1 $<

releases: ## etcd releases in the layout of upstream's archives, for tests and the demo (dist/releases)
	$(Q)tests/lib/make-releases dist/releases

rootfs: ## the root file systems of the temporary machines (dist/rootfs; root)
	$(Q)for kind in bookworm trixie rpm cloud; do tests/lib/rootfs $$kind || exit 1; done

.PHONY: lint
lint: ## format, order of modules, sizes, static analysis, shell, manuals
	$(Q)$(MAKE) -s build >/dev/null && tests/lint

.PHONY: repo bench demo demo-shell demo-down
repo: deb rpm ## signed repositories of the packages (and of what make bundle made), dist/repo/apt and dist/repo/dnf
	$(Q)tests/lib/make-repo dist/repo/apt \
		dist/etcd-cluster_$$(dpkg-parsechangelog -S Version)_$$(dpkg --print-architecture).deb \
		$(wildcard dist/etcd-cluster-release_*.deb)
	$(Q)tests/lib/make-repo dist/repo/dnf dist/etcd-cluster-$(RPM_VERSION)-*.$$(uname -m).rpm \
		$(wildcard dist/etcd-cluster-release-*.rpm)

demo: ## form a cluster of three temporary machines and print the times (root)
	$(Q)$(MAKE) deps
	$(Q)$(MAKE) repo
	$(Q)tests/lib/demo up

demo-shell: ## open a shell in one of them (NAME=etcd2; etcd1 by default)
	$(Q)tests/lib/demo shell $(NAME)

demo-down: ## remove them and all machines that tests have left
	$(Q)tests/lib/machine destroy

bench: build repo releases ## compare with the usual tools in the same run (root)
	$(Q)for b in tests/bench/*; do [ ! -f $$b ] || [ ! -x $$b ] || $$b || exit 1; done

deps: ## install what building and testing need (Debian, root)
	$(Q)tests/lib/install-deps
