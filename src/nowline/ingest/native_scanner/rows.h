/* Rows of JSON. */
#ifndef NOWLINE_ROWS_H
#define NOWLINE_ROWS_H

#include "kinds.h"
#include "numbers.h"
#include "text.h"

enum { NAME = 1, VALUE = 2, TIME = 4, TYPE = 8, TAGS = 16 };
enum { NAME_PART, TYPE_PART, TAGS_PART, JSON_PARTS };

/* What is known of a row so far. */
typedef struct {
    unsigned seen;
    Kind kind;
    int64_t time;
    Number number;
    Text number_text;
} Object;

static inline const byte *skip_space(const byte *at, const byte *end)
{
    while (at < end && *at <= ' ' && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* After the space, that byte, and the space after that; NULL if it is not there. */
static inline const byte *pass(const byte *at, const byte *end, byte code)
{
    at = skip_space(at, end);
    return at < end && *at == code ? skip_space(at + 1, end) : NULL;
}

/* A string without escapes; where it ends, NULL if it is not plain. */
static inline const byte *read_string(const byte *at, const byte *end, Text *text)
{
    if (at == end || *at != '"')
        return NULL;
    text->at = ++at;
    at = text_end(at, end, ' ');
    text->size = (size_t)(at - text->at);
    return at < end && *at == '"' ? at + 1 : NULL;
}

/* An object of such strings; where it ends, NULL if it is not plain. */
static const byte *read_tags(const byte *at, const byte *end, Text *tags)
{
    Text text;
    tags->at = at;
    if ((at = pass(at, end, '{')) == NULL)
        return NULL;
    for (bool is_first = true; at < end && !(is_first && *at == '}'); is_first = false) {
        if ((at = read_string(at, end, &text)) == NULL || (at = pass(at, end, ':')) == NULL ||
            (at = read_string(at, end, &text)) == NULL)
            return NULL;
        at = skip_space(at, end);
        if (at == end || *at != ',')
            break;
        at = skip_space(at + 1, end);
    }
    if (at == end || *at != '}')
        return NULL;
    tags->size = (size_t)(at + 1 - tags->at);
    return at + 1;
}

/* Epoch milliseconds as a whole number that is no part of another one. */
static const byte *read_moment(const byte *at, const byte *end, int64_t *time)
{
    const byte *start = at;
    uint64_t digits = 0;
    at = read_digits(at, end, &digits);
    if (at == start || at - start > MOST_DIGITS || (*start == '0' && at - start > 1))
        return NULL;
    *time = (int64_t)digits;
    return digits < FAR_MS ? at : NULL;
}

static const byte *read_json_number(const byte *at, const byte *end, Object *row)
{
    row->number_text.at = at;
    at = read_number(at, end, true, &row->number);
    if (at == NULL)
        return NULL;
    row->number_text.size = (size_t)(at - row->number_text.at);
    /* Whole numbers have no negative zero. */
    if (row->number.is_whole && row->number.digits == 0)
        row->number.value = 0;
    return at;
}

/* The field whose name in quotes is there, and how long that is; 0 if it is none of a plain row. */
static inline unsigned field_at(const byte *at, const byte *end, size_t *size)
{
    *size = 6;
    if (end - at <= 7)
        return 0;
    if (memcmp(at, "\"name\"", 6) == 0)
        return NAME;
    if (memcmp(at, "\"tags\"", 6) == 0)
        return TAGS;
    if (memcmp(at, "\"time\"", 6) == 0)
        return TIME;
    if (memcmp(at, "\"type\"", 6) == 0)
        return TYPE;
    *size = 7;
    return memcmp(at, "\"value\"", 7) == 0 ? VALUE : 0;
}

/* A field of a row; where it ends, NULL if it is not plain, or there for the second time. */
static const byte *read_field(const byte *at, const byte *end, Object *row)
{
    size_t size;
    unsigned field = field_at(at, end, &size);
    if (field == 0 || row->seen & field || (at = pass(at + size, end, ':')) == NULL)
        return NULL;
    row->seen |= field;
    switch (field) {
    case NAME:
        return read_string(at, end, &row->kind.part[NAME_PART]);
    case VALUE:
        return read_json_number(at, end, row);
    case TIME:
        return read_moment(at, end, &row->time);
    case TYPE:
        at = read_string(at, end, &row->kind.part[TYPE_PART]);
        return row->kind.part[TYPE_PART].size ? at : NULL;
    case TAGS:
        return read_tags(at, end, &row->kind.part[TAGS_PART]);
    default:
        return NULL;
    }
}

/* An object that is a plain row; where it ends, NULL if it is not. */
static const byte *read_object(Scan *scan, const byte *at, const byte *end)
{
    Object object = {.time = scan->now_ms};
    if ((at = pass(at, end, '{')) == NULL)
        return NULL;
    for (;;) {
        if ((at = read_field(at, end, &object)) == NULL)
            return NULL;
        at = skip_space(at, end);
        if (at == end || *at != ',')
            break;
        at = skip_space(at + 1, end);
    }
    if (at == end || *at != '}' || (object.seen & (NAME | VALUE)) != (NAME | VALUE))
        return NULL;
    int64_t kind = number_of(scan, &scan->kinds, &object.kind);
    Row row = {scan->line, kind, object.time, object.number.value};
    if (kind == NONE || !add_row(scan, row, &object.number, object.number_text))
        return NULL;
    return at + 1;
}

/* An array of plain rows; where it ends, NULL if it is not. */
static const byte *read_array(Scan *scan, const byte *at)
{
    const byte *end = scan->end;
    if ((at = pass(at, end, '[')) == NULL)
        return NULL;
    if (at < end && *at == ']')
        return at + 1;
    for (;; scan->line++) {
        if ((at = read_object(scan, at, end)) == NULL)
            return NULL;
        at = skip_space(at, end);
        if (at == end || *at != ',')
            break;
        at = skip_space(at + 1, end);
    }
    return at < end && *at == ']' ? at + 1 : NULL;
}

/* Whether the body is such an array, or an object with it as `metrics` and nothing else. */
static bool read_batch(Scan *scan, const byte *at)
{
    const byte *end = scan->end, *inner = pass(at, end, '{');
    if (inner != NULL) {
        Text key;
        if ((at = read_string(inner, end, &key)) == NULL || key.size != 7 ||
            memcmp(key.at, "metrics", 7) != 0 || (at = pass(at, end, ':')) == NULL)
            return false;
    }
    at = read_array(scan, at);
    if (at != NULL && inner != NULL)
        at = pass(at, end, '}');
    return at != NULL && skip_space(at, end) == end;
}

static bool is_blank(const byte *at, const byte *end)
{
    while (at < end && (*at == ' ' || (*at >= '\t' && *at <= '\r')))
        at++;
    return at == end;
}

/* Whether most lines of the body are plain rows, so that it is worth while to read it like this. */
static bool read_each_line(Scan *scan, const byte *at)
{
    for (; at < scan->end && !scan->is_out_of_memory; scan->line++) {
        size_t rows = scan->rows.count, hard = scan->hard.count;
        const byte *end = line_end(at, scan->end), *last = read_object(scan, at, end);
        if (last == NULL || skip_space(last, end) != end) {
            scan->rows.count = rows;
            scan->hard.count = hard;
            if (!is_blank(at, end))
                add_other(scan, at, end);
        }
        at = end + (end < scan->end);
    }
    return scan->others.count <= (scan->rows.count + scan->others.count) / 8;
}

#endif
