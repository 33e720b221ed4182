# tidegate: `make`, `make test`, `make demo`, `make install`; see README.md
# Flavours live in build/<flavour>: FLAVOUR=release (default), asan, coverage.
FLAVOUR ?= release
B := build/$(FLAVOUR)
PREFIX ?= /usr/local
DESTDIR ?=
VERSION := 0.1.0

PACKAGES := libgit2 libpq libssh2 inih libcurl jansson libarchive glib-2.0 libcrypto \
            zlib
# inih, jansson and libpg_query serve one file each; libpg_query ships no .pc
DEPS_CFLAGS := $(shell pkg-config --cflags $(PACKAGES))
DEPS_LIBS := $(shell pkg-config --libs $(PACKAGES)) -lpg_query -lm

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
        -Wvla -Wpointer-arith -Wwrite-strings -Wno-missing-field-initializers
HARDEN := -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
FLAGS_release := -O2 -g $(HARDEN)
FLAGS_asan := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
              -fno-sanitize-recover=undefined -DARENA_BLOCK=0 \
              -DTIDEGATE_FAILPOINTS
FLAGS_coverage := -O0 -g --coverage -DTIDEGATE_FAILPOINTS
FLAGS_fuzz := -O1 -g -fno-omit-frame-pointer -DARENA_BLOCK=0 \
              -fsanitize=fuzzer-no-link,address,undefined \
              -fno-sanitize-recover=undefined
FLAGS_test := -O1 -g $(HARDEN) -DTIDEGATE_FAILPOINTS
LINK_release := -pie -Wl,-z,relro,-z,now
LINK_asan := -fsanitize=address,undefined
LINK_fuzz := -fsanitize=fuzzer,address,undefined
LINK_coverage := --coverage
LINK_test := $(LINK_release)

CFLAGS ?=
ALL_CFLAGS := -std=gnu17 -D_GNU_SOURCE -DTIDEGATE_VERSION='"$(VERSION)"' \
              -DTIDEGATE_PREFIX='"$(PREFIX)"' -include runner/base/banned.h \
              -I. -I$(B)/gen $(WARN) \
              $(FLAGS_$(FLAVOUR)) $(DEPS_CFLAGS) $(CFLAGS) -MMD -MP
ifdef WERROR
ALL_CFLAGS += -Werror
endif
LDFLAGS_ALL := $(LINK_$(FLAVOUR)) $(LDFLAGS)

MIGRATIONS := $(patsubst %,migrations/%,text server hazards read state apply \
              lint rehearse)
ROOMS := runner/base policies $(MIGRATIONS) runner/config runner/release \
         runner/fleet runner/ledger runner/facts runner/flow runner/report \
         runner/command
objects = $(patsubst %.c,$(B)/%.o,$(wildcard $(1)/*.c))
BASE := $(call objects,runner/base)
EMBEDDED := $(B)/gen/remote_scripts.o $(B)/gen/own_migrations.o \
            $(B)/gen/preset_files.o
ALL := $(foreach r,$(ROOMS),$(call objects,$(r))) $(EMBEDDED)

TESTS := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*/test_*.c))

.PHONY: all syntax unit units programs test integration demo crash kills fuzz replays \
        bench install clean rooms \
        coverage docs
all: $(B)/tidegate

# What another compiler thinks of every source: `make syntax CC=clang WERROR=1`.
SOURCES := $(wildcard runner/*.c runner/*/*.c policies/*.c migrations/*/*.c \
           tests/*/*.c tests/*/*/*.c)
syntax:
	@printf '%s\n' $(filter-out tests/demo/%,$(SOURCES)) | xargs -P2 -n8 \
	    $(CC) $(filter-out -MMD -MP,$(ALL_CFLAGS)) \
	    -DTIDEGATE_LIBRARIES='""' -fsyntax-only

$(B)/tidegate: $(B)/runner/main.o $(B)/libtidegate.a
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(DEPS_LIBS)

$(B)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

# `tidegate --version` says what it was built with.
LIBRARIES = $(foreach p,$(PACKAGES),$(p) $(shell pkg-config --modversion $(p)))
$(B)/runner/command/usage.o: ALL_CFLAGS += -DTIDEGATE_LIBRARIES='"$(LIBRARIES)"'

# Files compiled into the program: the sh that runs on hosts, tidegate's own
# tables, the policy presets.
$(B)/gen/remote_scripts.c: scripts/embed $(wildcard scripts/remote/*.sh)
	@mkdir -p $(@D)
	scripts/embed remote_scripts $(filter %.sh,$^) >$@
$(B)/gen/own_migrations.c: scripts/embed $(wildcard migrations/sql/*.sql)
	@mkdir -p $(@D)
	scripts/embed own_migrations $(filter %.sql,$^) >$@
$(B)/gen/preset_files.c: scripts/embed $(wildcard policies/presets/*.ini)
	@mkdir -p $(@D)
	scripts/embed preset_files $(filter %.ini,$^) >$@
$(B)/gen/%.o: $(B)/gen/%.c
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

# Unit tests: those of base link with base alone, those of policies with
# policies and base alone; that they link is the proof of the rooms.
link_base := $(BASE)
link_policies := $(call objects,policies) $(BASE)
link_migrations := $(B)/libmigrations.a
libs_base := $(shell pkg-config --libs glib-2.0 jansson libcrypto zlib)
libs_migrations := $(libs_base) $(shell pkg-config --libs libpq) -lpg_query -lm
# A test that defines __wrap_CALL stands in for CALL (ld --wrap).
comma := ,
wraps = $(patsubst %,-Wl$(comma)--wrap=%,$(sort $(shell \
        grep -o '^[a-z_].*[ *]__wrap_[A-Za-z0-9_]*' tests/$(1).c | \
        sed 's/.*__wrap_//')))
$(B)/unit/base/%: $(B)/tests/unit/base/%.o $(link_base)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $(call wraps,unit/base/$*) -o $@ $^ $(libs_base) -lcmocka
$(B)/unit/policies/%: $(B)/tests/unit/policies/%.o $(link_policies)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $(call wraps,unit/policies/$*) -o $@ $^ $(libs_base) -lcmocka
$(B)/unit/migrations/%: $(B)/tests/unit/migrations/%.o $(link_migrations)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $(call wraps,unit/migrations/$*) -o $@ $^ $(libs_migrations) -lcmocka
$(B)/unit/%: $(B)/tests/unit/%.o $(B)/libtidegate.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $(call wraps,unit/$*) -o $@ $^ $(DEPS_LIBS) -lcmocka
# Programs that integration scripts run against real servers.
PROGRAMS := $(patsubst tests/%.c,$(B)/%,$(wildcard \
            tests/integration/*/test_*.c tests/integration/ledger/append.c))
programs: $(PROGRAMS)
$(B)/integration/%: $(B)/tests/integration/%.o $(B)/libtidegate.a
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) $(call wraps,integration/$*) -o $@ $^ $(DEPS_LIBS) -lcmocka
$(B)/libmigrations.a: $(foreach r,$(MIGRATIONS),$(call objects,$(r))) $(BASE) $(EMBEDDED)
	rm -f $@ && ar rcs $@ $^
$(B)/libtidegate.a: $(ALL)
	rm -f $@ && ar rcs $@ $^

# Programs that tests/integration/*.sh run against real servers.
$(B)/integration/migrations/%: $(B)/tests/integration/migrations/%.o $(link_migrations)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(filter %.a,$^) \
	    $(libs_migrations) -lcmocka

# What `make bench-migrations` and its kin time.
$(B)/bench/%: $(B)/tests/bench/%.o $(link_migrations)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(libs_migrations)

# What scripts/history runs.
$(B)/histories/%: $(B)/tests/histories/%.o $(link_migrations)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $(filter %.o,$^) $(filter %.a,$^) \
	    $(libs_migrations)
$(B)/histories/history: $(B)/tests/histories/folder.o \
    $(B)/tests/histories/trial.o $(B)/tests/histories/trial_copy.o

$(addprefix $(B)/integration/migrations/,test_back test_basis test_batches \
    test_clones test_fingerprint test_hazards test_leftovers test_measures \
    test_observed test_refused test_rehearse test_safer test_scaled \
    test_template): \
    $(B)/tests/integration/migrations/rehearsing.o
$(addprefix $(B)/integration/migrations/,test_hazards test_safer): \
    $(patsubst %.c,$(B)/%.o, \
    $(wildcard tests/integration/migrations/hazard_*.c))
$(addprefix $(B)/integration/migrations/,test_alone test_alone_ends \
    test_apply test_backfill test_backfill_cut test_ends test_guard test_half \
    test_kills test_locks test_throttle test_verify): \
    $(B)/tests/integration/migrations/applying.o
$(addprefix $(B)/integration/migrations/,test_backfill \
    test_backfill_cut test_throttle): \
    $(B)/tests/integration/migrations/filling.o
$(B)/integration/migrations/test_door \
    $(B)/integration/migrations/test_backfill_cut: \
    $(B)/tests/integration/migrations/proxy.o

# `make unit ROOM=policies` builds and runs one room's; scripts/unit prints
# the totals.
unit: $(if $(ROOM),$(filter $(B)/unit/$(ROOM)/%,$(TESTS)),$(TESTS))
	scripts/unit $(B)/unit $(ROOM)

units: $(TESTS)

test:
	scripts/test
integration:
	scripts/test integration
demo:
	scripts/demo
# kill -9 at every point of whole releases: an hour or two. CI takes a sample.
crash:
	FLAVOUR=test CRASH_EVERY=1 tests/integration/crash.sh $(SERIES)
# kill -9 at 100 moments of an apply with every kind of statement: half an
# hour. CI takes six.
kills:
	KILLS=$(or $(KILLS),100) FLAVOUR=test tests/integration/migrations.sh \
	    test_kills
bench:
	scripts/bench
# One of them: bench-migrations, bench-guard, bench-predict, bench-fan-out,
# bench-split.
bench-%:
	scripts/bench $*
rooms: all
	scripts/rooms $(B)/tidegate

# The README's tables, from the program.
docs: all
	scripts/readme $(B)/tidegate

# Lines that the unit tests reach: a table of all rooms, then the floor: every
# line of base and policies, or it fails and names the lines.
GCOVR := gcovr --root . --object-directory build/coverage
coverage:
	find build/coverage -name '*.gcda' -delete 2>/dev/null || true
	$(MAKE) FLAVOUR=coverage unit
	$(GCOVR) --filter runner/ --filter policies/ --filter migrations/ \
	    build/coverage | cut -c1-72
	$(GCOVR) --filter runner/base/ --filter policies/ --fail-under-line 100 \
	    build/coverage >build/coverage/floor.txt || \
	    { grep -v '100%' build/coverage/floor.txt; false; }

# The binary, the manual made from its own tables, and the presets.
install: $(B)/tidegate
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 \
	    $(DESTDIR)$(PREFIX)/share/tidegate/presets
	install -m 755 $(B)/tidegate $(DESTDIR)$(PREFIX)/bin/tidegate
	$(B)/tidegate help --man >$(B)/tidegate.1
	install -m 644 $(B)/tidegate.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 policies/presets/*.ini \
	    $(DESTDIR)$(PREFIX)/share/tidegate/presets/

clean:
	rm -rf build

# `make fuzz`: every target of tests/fuzz for FUZZ_SECONDS (60), by libFuzzer.
# In other flavours they are programs of their own (replay.c): `make replays`.
FUZZ_MAIN := $(if $(filter fuzz,$(FLAVOUR)),,$(B)/tests/fuzz/replay.o)
$(B)/fuzz/fuzz_%: $(B)/tests/fuzz/fuzz_%.o $(FUZZ_MAIN) $(link_migrations)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(libs_migrations)
replays: $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz:
	scripts/fuzz

.DELETE_ON_ERROR:
.SECONDARY:
-include $(shell find $(B) -name '*.d' 2>/dev/null)
