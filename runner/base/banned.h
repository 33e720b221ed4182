/* banned: calls that have a better one here; the Makefile puts this in front
 * of every file. Each becomes an error that names it.
 *
 * Function-like macros, so that a member called `system` is none of our
 * business, and after the headers that declare the real ones.
 */
#ifndef RUNNER_BASE_BANNED_H
#define RUNNER_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef sprintf
#undef vsprintf
#undef strtok
#undef atoi
#undef localtime
#undef gmtime
#undef system
#undef popen
#define strcpy(...)    use_arena_strdup_or_snprintf_not_strcpy
#define strcat(...)    use_buf_str_not_strcat
#define strncpy(...)   use_arena_strndup_not_strncpy
#define strncat(...)   use_buf_add_not_strncat
#define sprintf(...)   use_snprintf_not_sprintf
#define vsprintf(...)  use_vsnprintf_not_vsprintf
#define strtok(...)    use_strcspn_not_strtok
#define atoi(...)      use_strtol_not_atoi
#define localtime(...) use_zone_local_not_localtime
#define gmtime(...)    use_civil_from_utc_not_gmtime
#define system(...)    use_child_run_not_system
#define popen(...)     use_child_run_not_popen

#endif
