# `make help` lists the targets. Packagers set the paths and flags below.

VERSION       := 0.1.0
DESTDIR       ?=
SBINDIR       ?= /usr/sbin
BINDIR        ?= /usr/bin
LIBEXECDIR    ?= /usr/libexec
DATADIR       ?= /usr/share
MANDIR        ?= $(DATADIR)/man
DOCDIR        ?= $(DATADIR)/doc/etcd-cluster
SYSCONFDIR    ?= /etc
UNITDIR       ?= /usr/lib/systemd/system
PRESETDIR     ?= /usr/lib/systemd/system-preset
SYSUSERSDIR   ?= /usr/lib/sysusers.d
TMPFILESDIR   ?= /usr/lib/tmpfiles.d
UFWDIR        ?= $(SYSCONFDIR)/ufw/applications.d
FIREWALLDDIR  ?= /usr/lib/firewalld/services
COMPLETIONDIR ?= $(DATADIR)/bash-completion/completions
BUILD         ?= build

CC            ?= cc
PKG_CONFIG    ?= pkg-config
PROTOC_C      ?= protoc-c
LIBS          := json-c libarchive libcurl libprotobuf-c libseccomp libcrypto libssl
# A third smaller than with -O2. libcrypto and zlib take most of the time, so that costs little.
CFLAGS        ?= -Os -g -fno-asynchronous-unwind-tables
WARN          := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wundef -Wcast-qual \
                 -Wpointer-arith -Wwrite-strings -Wvla -Wimplicit-fallthrough -Wconversion
HARDEN        := -fstack-protector-strong -fstack-clash-protection -fPIE
HARDEN_LD     := -pie -Wl,-z,relro,-z,now
SMALL         := -ffunction-sections -fdata-sections
FORTIFY       := $(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS)$(CFLAGS)),,$(if $(findstring -O0,$(CFLAGS))$(SAN),,-D_FORTIFY_SOURCE=2))

LIB_CFLAGS    := $(shell $(PKG_CONFIG) --cflags $(LIBS) 2>/dev/null) # `make deps` runs before the libraries exist

override CPPFLAGS += -Isrc -I$(BUILD)/gen -D_GNU_SOURCE -DVERSION='"$(VERSION)"' $(FORTIFY) $(if $(TEST_BUILD),-DTEST_BUILD)
override CFLAGS   += -std=c11 $(WARN) $(if $(WERROR),-Werror) $(HARDEN) $(SMALL) $(SAN) $(LIB_CFLAGS)
override LDFLAGS  += $(HARDEN_LD) $(SAN) -Wl,--as-needed,--gc-sections
LDLIBS        := $(shell $(PKG_CONFIG) --libs $(LIBS) 2>/dev/null)

Q := $(if $(V),,@)
log = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(2)')

SRC   := $(wildcard src/*/*.c)
PROTO := $(wildcard src/adapter/*.proto)
OBJ   := $(SRC:%.c=$(BUILD)/%.o) $(PROTO:src/adapter/%.proto=$(BUILD)/gen/%.pb-c.o)
LIB   := $(BUILD)/libetcd-cluster.a
BIN   := $(BUILD)/etcd-cluster

.PHONY: build help clean
build: $(BIN) ## the program, in build/

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN): $(BUILD)/src/main.o $(LIB)
	$(call log,LD,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(LIB): $(OBJ)
	$(call log,AR,$@)
	$(Q)rm -f $@ && ar rcs $@ $^

$(BUILD)/%.o: %.c Makefile $(PROTO:src/adapter/%.proto=$(BUILD)/gen/%.pb-c.h)
	$(call log,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# Generated code is built without our warnings.
$(BUILD)/gen/%.pb-c.o: $(BUILD)/gen/%.pb-c.c
	$(call log,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -w -c -o $@ $<

$(BUILD)/gen/%.pb-c.c $(BUILD)/gen/%.pb-c.h &: src/adapter/%.proto
	$(call log,PROTO,$<)
	@mkdir -p $(@D)
	$(Q)$(PROTOC_C) --proto_path=$(<D) --c_out=$(BUILD)/gen $(<F)

# make deletes intermediate files of pattern rules unless they are listed here.
.SECONDARY: $(PROTO:src/adapter/%.proto=$(BUILD)/gen/%.pb-c.h) $(PROTO:src/adapter/%.proto=$(BUILD)/gen/%.pb-c.c)

clean: ## remove what was built
	rm -rf $(BUILD) build-* dist

include conf/install.mk debian/deb.mk rpm/rpm.mk bundle/bundle.mk tests/tests.mk
-include $(OBJ:.o=.d) $(BUILD)/src/main.d
