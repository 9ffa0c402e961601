/* Line protocol. */
#ifndef NOWLINE_LINES_H
#define NOWLINE_LINES_H

#include "kinds.h"
#include "numbers.h"
#include "text.h"

static int64_t to_ms(const Scan *scan, uint64_t time)
{
    if (scan->digits == 6)
        time /= 1000000;
    else if (scan->digits == 3)
        time /= 1000;
    if (time > FAR_MS)
        time = FAR_MS;
    if (scan->digits == -3)
        time *= 1000;
    return (int64_t)(time > FAR_MS ? FAR_MS : time);
}

static inline bool ends_key(byte code)
{
    return code == '=' || code == ',' || ends_text(code, ' ' + 1);
}

/* The number of a field, with `i` or `u` after it if it is whole; NULL if it is not plain. */
static const byte *read_value(const byte *at, const byte *end, Number *number)
{
    at = read_number(at, end, false, number);
    if (at == NULL || at == end || (*at != 'i' && *at != 'u'))
        return at;
    uint64_t most = (uint64_t)INT64_MAX + (number->is_negative ? 1 : 0);
    if (!number->is_whole || (*at == 'u' ? number->is_negative : number->digits > most))
        return NULL;
    number->value = (double)number->digits;
    if (number->is_negative && number->digits)
        number->value = -number->value;
    return at + 1;
}

/* The fields of a line as rows; where they end, NULL if they are not plain, or too many. */
static const byte *read_fields(Scan *scan, const byte *at, int64_t series)
{
    const byte *end = scan->end;
    for (int count = 0; count < MOST_FIELDS; count++, at++) {
        const byte *key = at;
        while (at < end && !ends_key(*at))
            at++;
        if (at == key || at == end || *at != '=')
            return NULL;
        Kind field = {.owner = series, .part = {{key, (size_t)(at - key)}}};
        const byte *text = at + 1;
        Number number;
        at = read_value(text, end, &number);
        int64_t kind = at ? number_of(scan, &scan->kinds, &field) : NONE;
        if (kind == NONE)
            return NULL;
        Row row = {scan->line, kind, scan->now_ms, number.value};
        if (!add_row(scan, row, &number, (Text){text, (size_t)(at - text)}))
            return NULL;
        if (at == end || *at != ',')
            return at;
    }
    return NULL;
}

/* The time after the fields, if there is one, for the rows from `first` on; where it ends. */
static const byte *read_time(Scan *scan, const byte *at, size_t first)
{
    if (at == scan->end || *at == '\n')
        return at;
    if (*at != ' ')
        return NULL;
    const byte *start = ++at;
    uint64_t time = 0;
    at = read_digits(at, scan->end, &time);
    if (at == start || at - start > MOST_DIGITS || (at < scan->end && *at != '\n'))
        return NULL;
    for (Row *rows = scan->rows.items; first < scan->rows.count; first++)
        rows[first].time = to_ms(scan, time);
    return at;
}

/* A plain line as rows; where it ends, NULL if it is not plain. */
static const byte *read_line(Scan *scan, const byte *at)
{
    const byte *start = at;
    size_t first = scan->rows.count;
    at = text_end(at, scan->end, ' ' + 1);
    if (at == start || *start == '#' || at == scan->end || *at != ' ')
        return NULL;
    Kind series = {.part = {{start, (size_t)(at - start)}}};
    int64_t number = number_of(scan, &scan->series, &series);
    at = number == NONE ? NULL : read_fields(scan, at + 1, number);
    at = at ? read_time(scan, at, first) : NULL;
    return at && at - start <= MOST_LINE ? at : NULL;
}

static bool says_nothing(const byte *at, const byte *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return at == end || *at == '#';
}

static void read_lines(Scan *scan, const byte *at)
{
    while (at < scan->end && !scan->is_out_of_memory) {
        size_t rows = scan->rows.count, hard = scan->hard.count;
        const byte *end = read_line(scan, at);
        if (end == NULL) {
            scan->rows.count = rows;
            scan->hard.count = hard;
            end = line_end(at, scan->end);
            if (!says_nothing(at, end))
                add_other(scan, at, end);
        }
        scan->line++;
        at = end + (end < scan->end);
    }
}

#endif
