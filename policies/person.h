/* person: whether two principals of the signers file are one person.
 *
 * Mail addresses are written in either case by the same person, and ssh-keygen
 * takes both as they stand: without case (ASCII) they are one, so that
 * "Anna@example.net" cannot approve what "anna@example.net" announced.
 */
#ifndef POLICIES_PERSON_H
#define POLICIES_PERSON_H

#include <stdbool.h>

/* NULL is nobody, and the same as nobody. */
bool person_same(const char *a, const char *b);

#endif
