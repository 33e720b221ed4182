#include "runner/base/progress.h"

#include <stdarg.h>
#include <stdio.h>

#define TEXT_LIMIT 1000

static void tell(struct progress *p, struct progress_note note, const char *fmt,
                 va_list args)
{
    char text[TEXT_LIMIT];

    if (!p)
        return;
    vsnprintf(text, sizeof(text), fmt, args);
    note.text = text;
    p->note(p, &note);
}

void progress_stage(struct progress *p, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    tell(p, (struct progress_note){.kind = PROGRESS_STAGE}, fmt, args);
    va_end(args);
}

void progress_step(struct progress *p, const char *subject, const char *fmt,
                   ...)
{
    va_list args;

    va_start(args, fmt);
    tell(p, (struct progress_note){.kind = PROGRESS_STEP, .subject = subject},
         fmt, args);
    va_end(args);
}

void progress_warn(struct progress *p, const char *subject, const char *fmt,
                   ...)
{
    va_list args;

    va_start(args, fmt);
    tell(p, (struct progress_note){.kind = PROGRESS_WARN, .subject = subject},
         fmt, args);
    va_end(args);
}

void progress_detail(struct progress *p, const char *subject, const char *fmt,
                     ...)
{
    va_list args;

    va_start(args, fmt);
    tell(p, (struct progress_note){.kind = PROGRESS_DETAIL, .subject = subject},
         fmt, args);
    va_end(args);
}

void progress_live(struct progress *p, const char *subject, int64_t done,
                   int64_t total, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    tell(p,
         (struct progress_note){.kind = PROGRESS_LIVE,
                                .subject = subject,
                                .done = done,
                                .total = total},
         fmt, args);
    va_end(args);
}

void progress_news(struct progress *p, const char *subject, const char *fmt,
                   ...)
{
    va_list args;

    va_start(args, fmt);
    tell(p, (struct progress_note){.kind = PROGRESS_NEWS, .subject = subject},
         fmt, args);
    va_end(args);
}
