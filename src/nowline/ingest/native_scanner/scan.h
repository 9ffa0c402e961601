/* What a scan has found so far, and what all of its parts have in common. */
#ifndef NOWLINE_SCAN_H
#define NOWLINE_SCAN_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned char byte;

enum {
    MOST_PARTS = 3,
    MOST_DIGITS = 19,    /* so many fit a word */
    MOST_FIELDS = 10000, /* of a line, as in line_grammar.py */
    MOST_LINE = 1 << 20, /* bytes of a line, as there */
    MOST_HARD = 127,     /* how long a number may be that Python is to read */
    MOST_EXPONENT = 300, /* beyond this a number may be none that a float can be */
    RELEASE_FROM = 8192, /* how many bytes are worth letting other threads run */
};

static const uint64_t FAR_MS = UINT64_C(1) << 53; /* beyond any time that is taken in */
static const uint64_t EXACT = UINT64_C(1) << 53;  /* whole numbers up to here are floats */
static const int64_t NONE = -1;

typedef struct {
    void *items;
    size_t count, room;
} List;

/* Room for one more item; NULL when there is no memory. */
static void *push(List *list, size_t size)
{
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 8;
        if (room > PTRDIFF_MAX / size)
            return NULL;
        void *grown = realloc(list->items, room * size);
        if (grown == NULL)
            return NULL;
        list->items = grown;
        list->room = room;
    }
    return (char *)list->items + size * list->count++;
}

typedef struct {
    const byte *at;
    size_t size;
} Text;

/* What is told apart: series by one text, their fields by whose they are and one text, rows of JSON
 * by name, type and tags. */
typedef struct {
    int64_t owner;
    Text part[MOST_PARTS];
    uint64_t hash;
    int64_t next;  /* the kind before it in its bucket; at last its number among those in use */
    int64_t after; /* the kind that came next after it the last time */
} Kind;

typedef struct {
    int parts;
    List kinds;
    int64_t *buckets;
    size_t bucket_mask;
    int64_t last; /* the kind that came last */
} Table;

typedef struct {
    int64_t line, kind, time;
    double value;
} Row;

_Static_assert(sizeof(Row) == 4 * 8, "columns are of eight bytes each");

typedef struct {
    int64_t line;
    Text text;
} Other;

/* A number that only Python reads exactly, and whose row it is of. */
typedef struct {
    size_t row;
    Text text;
} Hard;

typedef struct {
    const byte *end; /* of the body */
    uint64_t secret[2];
    int64_t now_ms;
    int digits; /* how many digits times have beyond the milliseconds */
    int64_t line;
    Table series, kinds; /* JSON has no series */
    List rows, others, hard;
    bool is_out_of_memory;
} Scan;

static void let_go(Scan *scan)
{
    free(scan->series.kinds.items);
    free(scan->series.buckets);
    free(scan->kinds.kinds.items);
    free(scan->kinds.buckets);
    free(scan->rows.items);
    free(scan->others.items);
    free(scan->hard.items);
}

/* Always false, so that it can stand where something was not plain. */
static bool out_of_memory(Scan *scan)
{
    scan->is_out_of_memory = true;
    return false;
}

static Kind *kind_at(const Table *table, int64_t number)
{
    return (Kind *)table->kinds.items + number;
}

#endif
