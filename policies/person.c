#include "policies/person.h"

#include <strings.h>

bool person_same(const char *a, const char *b)
{
    return a && b && strcasecmp(a, b) == 0;
}
