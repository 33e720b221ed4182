#include "migrations/read/explain.h"

#include <string.h>

#include "migrations/text/lexer.h"

/* What to write instead of psql's commands. */
static const struct {
    const char *command, *fix;
} psql[] = {
    {"\\i", "put the included statements into this file"},
    {"\\ir", "put the included statements into this file"},
    {"\\include", "put the included statements into this file"},
    {"\\include_relative", "put the included statements into this file"},
    {"\\copy", "write COPY ... FROM stdin; and the lines of data up to \\. in "
               "this file"},
    {"\\.", "write COPY ... FROM stdin; before the data"},
    {"\\set", "write the value where it is used"},
    {"\\unset", "write the value where it is used"},
    {"\\gset", "use a DO block with SELECT ... INTO"},
    {"\\prompt", "write the value where it is used"},
    {"\\getenv", "write the value where it is used"},
    {"\\c", "one migration changes one database: that of the environment"},
    {"\\connect", "one migration changes one database: that of the "
                  "environment"},
    {"\\g", "end the statement with a semicolon"},
    {"\\gx", "end the statement with a semicolon"},
    {"\\gdesc", "end the statement with a semicolon"},
    {"\\crosstabview", "end the statement with a semicolon"},
    {"\\watch", "end the statement with a semicolon"},
    {"\\", "write a semicolon alone, and no backslash"}, /* \; */
    {"\\gexec", "write the statements out, or use a DO block with EXECUTE"},
    {"\\if", "use a DO block with IF"},
    {"\\elif", "use a DO block with IF"},
    {"\\else", "use a DO block with IF"},
    {"\\endif", "use a DO block with IF"},
    {"\\q", "delete it, and what follows: psql would have ended there"},
    {"\\quit", "delete it, and what follows: psql would have ended there"},
    {"\\!", "let a step of the release run the program ([artifact] prepare, "
            "[rollout] restart): a migration changes the database alone"},
    {"\\echo", "use a DO block with RAISE NOTICE, or delete it"},
    {"\\qecho", "use a DO block with RAISE NOTICE, or delete it"},
    {"\\warn", "use a DO block with RAISE WARNING, or delete it"},
    {"\\lo_import", "use lo_from_bytea(0, '\\x...')"},
    {"\\encoding", "save the file as UTF-8, and delete it"},
    {"\\restrict", "delete the line: it is pg_dump's own"},
    {"\\unrestrict", "delete the line: it is pg_dump's own"},
};

static const char *psql_fix(const char *command, size_t n)
{
    for (size_t i = 0; i < sizeof psql / sizeof *psql; i++)
        if (strlen(psql[i].command) == n &&
            strncmp(command, psql[i].command, n) == 0)
            return psql[i].fix;
    return "delete it: psql is not used";
}

static bool explain_psql(const char *file, int line, const char *command,
                         struct err *e)
{
    size_t n = 1 + strcspn(command + 1, " \t\n;\\'\"");

    err_what(e, ERR_INPUT, "%s:%d: not SQL: psql's %.*s", file, line,
             n > 40 ? 40 : (int)n, command);
    err_why(e, "a backslash begins a command to psql, and migrations go to "
               "the database itself");
    return err_fix(e, "%s", psql_fix(command, n));
}

static const struct {
    const char *what, *why, *fix;
} cuts[] = {
    [CUT_QUOTE] = {"the file does not parse",
                   "a quote or comment that begins here never ends",
                   "close it"},
    [CUT_PAREN] = {"the file does not parse",
                   "a parenthesis that opens here is never closed", "close it"},
    [CUT_ATOMIC] = {"the file does not parse",
                    "BEGIN ATOMIC is here, and its END is not",
                    "end the body with END;"},
    [CUT_BRACE] = {"not SQL: {",
                   "a brace outside of quotes belongs to a template, and "
                   "tidegate fills in nothing",
                   "write the text that is to run"},
    [CUT_DATA] = {"COPY FROM stdin without data",
                  "the lines after it do not end in a line \\.",
                  "write the data from the next line on, and then \\. on a "
                  "line of its own"},
    [CUT_DATA_LINE] = {"the data of a COPY begin on the next line",
                       "something else follows its semicolon",
                       "move it below the data"},
};

bool explain_cut(const char *file, const struct cut *c, int lines_before,
                 struct err *e)
{
    int line = c->failed_line + lines_before;

    if (c->failure == CUT_BACKSLASH)
        return explain_psql(file, line, c->text + c->failed_at, e);
    err_what(e, ERR_INPUT, "%s:%d: %s", file, line, cuts[c->failure].what);
    err_why(e, "%s", cuts[c->failure].why);
    if (c->failure == CUT_BRACE && c->failed_at &&
        c->text[c->failed_at - 1] == '$')
        return err_fix(e,
                       "%s; a placeholder of Flyway: name the environment "
                       "(-e), whose [placeholders] are filled in",
                       cuts[c->failure].fix);
    return err_fix(e, "%s", cuts[c->failure].fix);
}

/* Blanks that are letters to PostgreSQL. */
static const char *odd_blank(const char *message)
{
    static const struct {
        const char *bytes, *what;
    } blanks[] = {
        {"\xc2\xa0", "; that is a no-break space (U+00A0)"},
        {"\xe2\x80\x8b", "; that is a space of no width (U+200B)"},
        {"\xef\xbb\xbf", "; that is a byte-order mark (U+FEFF)"},
    };

    for (size_t i = 0; i < sizeof blanks / sizeof *blanks; i++)
        if (strstr(message, blanks[i].bytes))
            return blanks[i].what;
    return "";
}

bool explain_parse(const char *file, const struct piece *piece,
                   const char *text, int lines_before,
                   const struct parse_failure *failure, struct err *e)
{
    int line = piece->line + lines_before +
               lexer_line(text + piece->offset, failure->offset) - 1;

    err_what(e, ERR_INPUT, "%s:%d: the file does not parse", file, line);
    err_why(e, "%s%s (%s)", failure->message, odd_blank(failure->message),
            parser_version());
    return err_fix(e, "correct the statement that begins there or before");
}
