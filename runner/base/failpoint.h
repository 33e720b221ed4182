/* failpoint: named places where a test can kill the process.
 *
 * In builds with TIDEGATE_FAILPOINTS, TIDEGATE_FAILPOINT in the environment
 * names one: "NAME" (its first hit), "NAME:N" (its N-th) or "*:N" (the N-th
 * hit of any), and the process ends there by SIGKILL, as a power cut would
 * end it. TIDEGATE_FAILPOINT_LIST=FILE appends the name of each hit, one a
 * line. Both are read at the first hit. Other builds hold nothing of this.
 */
#ifndef RUNNER_BASE_FAILPOINT_H
#define RUNNER_BASE_FAILPOINT_H

#ifdef TIDEGATE_FAILPOINTS
void failpoint(const char *name);
#else
#define failpoint(name) ((void)0)
#endif

#endif
