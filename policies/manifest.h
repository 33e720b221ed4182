/* manifest: which announcement a release goes out by.
 */
#ifndef POLICIES_MANIFEST_H
#define POLICIES_MANIFEST_H

#include "policies/facts.h"

/* The manifest that the run would consume: the one it has consumed, else the
 * open one of this release and environment whose phases are asked, else the
 * newest that is not open any more (then `expected` says why not); NULL: none.
 * approved, fit and the flow use the same. */
const struct manifest_facts *manifest_pick(const struct facts *facts);
/* Not used, withdrawn, replaced or expired. */
bool manifest_open(const struct manifest_facts *m, int64_t now);
/* Since when others could know of it: the signed time may lie long before the
 * moment at which the ledger took it. */
int64_t manifest_since(const struct manifest_facts *m);
enum phases release_phases(const struct release_facts *release);
/* What `tidegate rehearse RELEASE` wants after it for these phases: "", or
 * " --only contract". */
const char *rehearse_only(const struct release_facts *release);

#endif
