/*
 * One pass over a body of rows: which series each row has, its time and its value.
 *
 * It reads plain rows only, nearly all there are, and says which others there are; those are read
 * by Python, which also makes the labels, once for each distinct one. What is plain, and what it
 * means, is as in line_scan.py and json.py, which do the same where this could not be built.
 *
 * Bodies come from anywhere: each place is checked against the end before it is read, each
 * allocation is checked, and series are told apart by a hash with a secret key, so that nobody
 * can make them all meet in one bucket.
 *
 * Only the limited API of Python 3.11 is used, so that one build serves every later Python.
 */
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

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

/* ---- Lists that grow ---- */

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

/* ---- What is found in a body ---- */

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

/* ---- Telling kinds apart: SipHash-1-3 (Aumasson and Bernstein 2012), chained buckets ---- */

typedef struct {
    uint64_t v0, v1, v2, v3;
} Sip;

static inline uint64_t turned(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static inline void sip_round(Sip *sip)
{
    sip->v0 += sip->v1, sip->v1 = turned(sip->v1, 13) ^ sip->v0, sip->v0 = turned(sip->v0, 32);
    sip->v2 += sip->v3, sip->v3 = turned(sip->v3, 16) ^ sip->v2;
    sip->v0 += sip->v3, sip->v3 = turned(sip->v3, 21) ^ sip->v0;
    sip->v2 += sip->v1, sip->v1 = turned(sip->v1, 17) ^ sip->v2, sip->v2 = turned(sip->v2, 32);
}

static inline void sip_word(Sip *sip, uint64_t word)
{
    sip->v3 ^= word;
    sip_round(sip);
    sip->v0 ^= word;
}

static inline uint64_t word_at(const byte *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Its length goes first: no two lists of texts are the same words. */
static inline void sip_text(Sip *sip, Text text)
{
    const byte *at = text.at;
    size_t left = text.size;
    sip_word(sip, left);
    for (; left >= 8; left -= 8, at += 8)
        sip_word(sip, word_at(at));
    if (left == 0)
        return;
    uint64_t word = 0;
    if (text.size >= 8)
        word = word_at(at + left - 8);
    else
        memcpy(&word, at, left);
    sip_word(sip, word);
}

static uint64_t hash_of(const uint64_t *secret, const Kind *kind, int parts)
{
    Sip sip = {
        secret[0] ^ UINT64_C(0x736f6d6570736575),
        secret[1] ^ UINT64_C(0x646f72616e646f6d),
        secret[0] ^ UINT64_C(0x6c7967656e657261),
        secret[1] ^ UINT64_C(0x7465646279746573),
    };
    sip_word(&sip, (uint64_t)kind->owner);
    for (int at = 0; at < parts; at++)
        sip_text(&sip, kind->part[at]);
    sip.v2 ^= 0xff;
    for (int round = 0; round < 3; round++)
        sip_round(&sip);
    return sip.v0 ^ sip.v1 ^ sip.v2 ^ sip.v3;
}

static inline bool is_same(Text one, Text other)
{
    return one.size == other.size && (one.size == 0 || memcmp(one.at, other.at, one.size) == 0);
}

static inline bool is_kind(const Kind *one, const Kind *other, int parts)
{
    if (one->owner != other->owner)
        return false;
    for (int at = 0; at < parts; at++)
        if (!is_same(one->part[at], other->part[at]))
            return false;
    return true;
}

/* As many buckets as there is room for kinds, and every kind in its bucket. */
static bool spread(Table *table)
{
    size_t count = table->kinds.room;
    int64_t *buckets = malloc(count * sizeof *buckets);
    if (buckets == NULL)
        return false;
    free(table->buckets);
    table->buckets = buckets;
    table->bucket_mask = count - 1;
    for (size_t at = 0; at < count; at++)
        buckets[at] = NONE;
    for (size_t at = 0; at < table->kinds.count; at++) {
        Kind *kind = kind_at(table, (int64_t)at);
        kind->next = buckets[kind->hash & table->bucket_mask];
        buckets[kind->hash & table->bucket_mask] = (int64_t)at;
    }
    return true;
}

static int64_t add_kind(Table *table, const Kind *wanted)
{
    Kind *kind = push(&table->kinds, sizeof *kind);
    if (kind == NULL)
        return NONE;
    int64_t number = (int64_t)table->kinds.count - 1;
    *kind = *wanted;
    kind->after = NONE;
    if (table->buckets == NULL || table->kinds.room > table->bucket_mask + 1)
        return spread(table) ? number : NONE;
    kind->next = table->buckets[kind->hash & table->bucket_mask];
    table->buckets[kind->hash & table->bucket_mask] = number;
    return number;
}

static int64_t find_kind(Table *table, const Kind *wanted)
{
    int64_t number = table->buckets ? table->buckets[wanted->hash & table->bucket_mask] : NONE;
    while (number != NONE) {
        const Kind *kind = kind_at(table, number);
        if (kind->hash == wanted->hash && is_kind(kind, wanted, table->parts))
            return number;
        number = kind->next;
    }
    return add_kind(table, wanted);
}

/* The number of a kind; NONE when there is no memory. Most bodies have their series in the same
 * order again and again, so it is most often the one that came next the last time, too. */
static int64_t number_of(Scan *scan, Table *table, Kind *wanted)
{
    int64_t last = table->last;
    int64_t guess = last == NONE ? NONE : kind_at(table, last)->after;
    if (guess == NONE || !is_kind(kind_at(table, guess), wanted, table->parts)) {
        wanted->hash = hash_of(scan->secret, wanted, table->parts);
        guess = find_kind(table, wanted);
        if (guess == NONE)
            out_of_memory(scan);
        if (last != NONE)
            kind_at(table, last)->after = guess;
    }
    return table->last = guess;
}

/* ---- Numbers ---- */

typedef struct {
    double value;
    bool is_hard;     /* the value is left to Python */
    bool is_negative;
    bool is_whole;    /* digits alone, all of them in `digits` */
    uint64_t digits;
} Number;

static inline bool is_digit(const byte *at, const byte *end)
{
    return at < end && (byte)(*at - '0') < 10;
}

static const double POWERS[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
enum { MOST_POWER = sizeof POWERS / sizeof *POWERS - 1 };

#if defined(__SIZEOF_INT128__) && (defined(__GNUC__) || defined(__clang__))
#define HAS_QUOTIENT 1
__extension__ typedef unsigned __int128 Wide;

/* digits / 10^places for 1 to 19 places, rounded to the nearest float: the quotient has at least
 * 62 bits, the lowest of which says whether anything is left, which is all that rounding asks. */
static double quotient(uint64_t digits, int places)
{
    uint64_t divisor = (uint64_t)POWERS[places];
    int shift = 63 + __builtin_clzll(digits) - __builtin_clzll(divisor);
    Wide dividend = (Wide)digits << shift;
    uint64_t bits = (uint64_t)(dividend / divisor);
    bits |= dividend != (Wide)bits * divisor;
    return ldexp((double)bits, -shift);
}
#else
#define HAS_QUOTIENT 0
static double quotient(uint64_t digits, int places)
{
    return (double)digits / POWERS[places];
}
#endif

/* The float nearest to digits * 10^power, if that can be told here. Up to 2^53 and 10^22 both are
 * floats, and what comes of them is rounded once (Clinger 1990, "fast path"). */
static bool scaled(uint64_t digits, long power, double *value)
{
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 0
    if (digits <= EXACT && power >= -MOST_POWER && power <= MOST_POWER) {
        *value = power < 0 ? (double)digits / POWERS[-power] : (double)digits * POWERS[power];
        return true;
    }
#endif
    if (digits == 0 || power == 0) {
        *value = (double)digits;
        return true;
    }
    if (HAS_QUOTIENT && power < 0 && power >= -MOST_DIGITS) {
        *value = quotient(digits, (int)-power);
        return true;
    }
    return false;
}

/* The digits from there on, added to the number; where they end. */
static inline const byte *read_digits(const byte *at, const byte *end, uint64_t *digits)
{
    for (; is_digit(at, end); at++)
        *digits = *digits * 10 + (uint64_t)(*at - '0');
    return at;
}

/* The exponent whose `e` is there, cut where it is beyond all floats; NULL if it has no digits. */
static const byte *read_exponent(const byte *at, const byte *end, long *exponent)
{
    at++;
    bool is_negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (!is_digit(at, end))
        return NULL;
    for (; is_digit(at, end); at++)
        if (*exponent < 100000)
            *exponent = *exponent * 10 + (*at - '0');
    if (is_negative)
        *exponent = -*exponent;
    return at;
}

/* How many digits there are from the first on that is not zero; a point may be among them. */
static size_t significant(const byte *at, const byte *end)
{
    while (at < end && (*at == '0' || *at == '.'))
        at++;
    size_t count = (size_t)(end - at);
    return count - (count && memchr(at, '.', count) != NULL);
}

/*
 * Reads a number such as `12`, `-0.5` or `1e-9`; where it ends, NULL if it is not plain.
 *
 * JSON wants a digit on both sides of a point, and no zero before other digits.
 */
static const byte *read_number(const byte *at, const byte *end, bool is_json, Number *number)
{
    const byte *start = at, *first, *last;
    long places = 0, exponent = 0;
    *number = (Number){.is_negative = at < end && *at == '-'};
    first = at += number->is_negative;
    at = read_digits(at, end, &number->digits);
    size_t count = (size_t)(at - first);
    if (is_json && (count == 0 || (count > 1 && *first == '0')))
        return NULL;
    number->is_whole = count <= MOST_DIGITS;
    if (at < end && *at == '.') {
        const byte *point = at++;
        at = read_digits(at, end, &number->digits);
        if (at - point > 1 << 20)
            return NULL;
        places = (long)(at - point) - 1;
        number->is_whole = false;
        count += (size_t)places;
        if (is_json && places == 0)
            return NULL;
    }
    last = at;
    if (count == 0)
        return NULL;
    if (at < end && (*at == 'e' || *at == 'E')) {
        number->is_whole = false;
        if ((at = read_exponent(at, end, &exponent)) == NULL)
            return NULL;
    }
    if (count > MOST_DIGITS)
        count = significant(first, last);
    long power = exponent - places;
    if (count > MOST_DIGITS || !scaled(number->digits, power, &number->value)) {
        long size = (long)count + power;
        number->is_hard = true;
        if (at - start > MOST_HARD || size > MOST_EXPONENT || size < -MOST_EXPONENT)
            return NULL;
    }
    if (number->is_negative)
        number->value = -number->value;
    return at;
}

/* Adds a row; its value may have to be read by Python yet. */
static bool add_row(Scan *scan, Row row, const Number *number, Text text)
{
    Row *added = push(&scan->rows, sizeof *added);
    if (added == NULL)
        return out_of_memory(scan);
    *added = row;
    if (!number->is_hard)
        return true;
    Hard *hard = push(&scan->hard, sizeof *hard);
    if (hard == NULL)
        return out_of_memory(scan);
    *hard = (Hard){scan->rows.count - 1, text};
    return true;
}

static bool add_other(Scan *scan, const byte *start, const byte *end)
{
    Other *other = push(&scan->others, sizeof *other);
    if (other == NULL)
        return out_of_memory(scan);
    *other = (Other){scan->line, {start, (size_t)(end - start)}};
    return true;
}

/* ---- Text ---- */

static inline bool ends_text(byte code, byte below)
{
    return code < below || code == '"' || code == '\\';
}

/* The first byte that is a quote, a backslash or below another one; the end if none is. */
static inline const byte *text_end(const byte *at, const byte *end, byte below)
{
#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    /* Eight at a time: in what is subtracted from, the lowest byte whose high bit is set now and
     * was not before is one that is too small (Warren, "Hacker's Delight", 6-1). */
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    for (; end - at >= 8; at += 8) {
        uint64_t word = word_at(at), quote = word ^ ones * '"', slash = word ^ ones * '\\';
        uint64_t found = (word - ones * below) & ~word;
        found |= (quote - ones) & ~quote;
        found |= (slash - ones) & ~slash;
        if (found & high)
            return at + (__builtin_ctzll(found & high) >> 3);
    }
#endif
    while (at < end && !ends_text(*at, below))
        at++;
    return at;
}

static inline const byte *line_end(const byte *at, const byte *end)
{
    const byte *found = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
    return found ? found : end;
}

/* ---- Line protocol ---- */

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

/* ---- JSON ---- */

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

/* ---- What Python is given ---- */

/* What is made of the kinds that rows have; of the others nothing is. */
typedef struct {
    size_t count; /* of kinds */
    size_t size;  /* bytes of their texts */
} Used;

/* How many texts a kind has for Python: that of its series is one of them. */
static int texts_of(const Scan *scan)
{
    return scan->series.parts + scan->kinds.parts;
}

static Text text_of(const Scan *scan, const Kind *kind, int text)
{
    int own = text - scan->series.parts;
    return own < 0 ? kind_at(&scan->series, kind->owner)->part[text] : kind->part[own];
}

static size_t size_of(const Scan *scan, const Kind *kind)
{
    size_t size = 0;
    for (int text = 0; text < texts_of(scan); text++)
        size += text_of(scan, kind, text).size;
    return size;
}

/* Numbers the kinds that rows have in the order in which rows have them, and the rows' kinds. */
static Used number_used(Scan *scan)
{
    Used used = {0};
    Row *rows = scan->rows.items;
    for (size_t at = 0; at < scan->kinds.kinds.count; at++)
        kind_at(&scan->kinds, (int64_t)at)->next = NONE;
    for (size_t at = 0; at < scan->rows.count; at++) {
        Kind *kind = kind_at(&scan->kinds, rows[at].kind);
        if (kind->next == NONE) {
            kind->next = (int64_t)used.count++;
            used.size += size_of(scan, kind);
        }
        rows[at].kind = kind->next;
    }
    return used;
}

static PyObject *bytes_of(Text text)
{
    return PyBytes_FromStringAndSize((const char *)text.at, (Py_ssize_t)text.size);
}

/* One text of each kind in use; fields of one line share that of their series. */
static PyObject *list_of_text(const Scan *scan, int number, size_t used)
{
    PyObject *list = PyList_New((Py_ssize_t)used), *last = NULL;
    const byte *last_at = NULL;
    for (size_t at = 0; list != NULL && at < scan->kinds.kinds.count; at++) {
        const Kind *kind = kind_at(&scan->kinds, (int64_t)at);
        if (kind->next == NONE)
            continue;
        Text text = text_of(scan, kind, number);
        if (last != NULL && text.at == last_at)
            Py_INCREF(last);
        else
            last = bytes_of(text);
        last_at = text.at;
        if (last == NULL || PyList_SetItem(list, (Py_ssize_t)kind->next, last) < 0)
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *tuple_of_texts(const Scan *scan, size_t used)
{
    PyObject *tuple = PyTuple_New(texts_of(scan));
    for (int at = 0; tuple != NULL && at < texts_of(scan); at++) {
        PyObject *list = list_of_text(scan, at, used);
        if (list == NULL || PyTuple_SetItem(tuple, at, list) < 0)
            Py_CLEAR(tuple);
    }
    return tuple;
}

static PyObject *list_of_others(const Scan *scan)
{
    Py_ssize_t count = (Py_ssize_t)scan->others.count;
    PyObject *list = PyList_New(count);
    for (Py_ssize_t at = 0; list != NULL && at < count; at++) {
        const Other *other = (const Other *)scan->others.items + at;
        PyObject *pair = Py_BuildValue("LN", (long long)other->line, bytes_of(other->text));
        if (pair == NULL || PyList_SetItem(list, at, pair) < 0)
            Py_CLEAR(list);
    }
    return list;
}

/* Line, kind, time and value of all rows, one column after the other, eight bytes each. */
static PyObject *columns_of(const Scan *scan)
{
    size_t count = scan->rows.count;
    if (count > PTRDIFF_MAX / sizeof(Row))
        return PyErr_NoMemory();
    PyObject *columns = PyByteArray_FromStringAndSize(NULL, (Py_ssize_t)(count * sizeof(Row)));
    if (columns == NULL)
        return NULL;
    const Row *rows = scan->rows.items;
    char *to = PyByteArray_AsString(columns);
    for (size_t at = 0; at < count; at++) {
        memcpy(to + 8 * at, &rows[at].line, 8);
        memcpy(to + 8 * (count + at), &rows[at].kind, 8);
        memcpy(to + 8 * (2 * count + at), &rows[at].time, 8);
        memcpy(to + 8 * (3 * count + at), &rows[at].value, 8);
    }
    return columns;
}

/* Has Python read the numbers that were left to it. */
static bool read_hard(Scan *scan)
{
    for (size_t at = 0; at < scan->hard.count; at++) {
        const Hard *hard = (const Hard *)scan->hard.items + at;
        char text[MOST_HARD + 1] = {0};
        memcpy(text, hard->text.at, hard->text.size);
        double value = PyOS_string_to_double(text, NULL, NULL);
        if (value == -1.0 && PyErr_Occurred())
            return false;
        ((Row *)scan->rows.items)[hard->row].value = value;
    }
    return true;
}

/* What the scan found, without the kinds if they have more than `most` bytes of text. */
static PyObject *found(Scan *scan, size_t most)
{
    if (scan->is_out_of_memory)
        return PyErr_NoMemory();
    if (!read_hard(scan))
        return NULL;
    Used used = number_used(scan);
    return Py_BuildValue(
        "LnNNN",
        (long long)scan->line,
        (Py_ssize_t)used.size,
        used.size > most ? PyTuple_New(0) : tuple_of_texts(scan, used.count),
        list_of_others(scan),
        columns_of(scan)
    );
}

/* ---- The module ---- */

typedef struct {
    uint64_t secret[2];
} State;

static const byte *begin(PyObject *module, PyObject *body, Scan *scan)
{
    char *start;
    Py_ssize_t size;
    const State *state = PyModule_GetState(module);
    if (state == NULL || PyBytes_AsStringAndSize(body, &start, &size) < 0)
        return NULL;
    memcpy(scan->secret, state->secret, sizeof scan->secret);
    scan->end = (const byte *)start + size;
    return (const byte *)start;
}

static PyObject *scan_lines(PyObject *module, PyObject *args)
{
    PyObject *body;
    long long now_ms;
    Py_ssize_t most;
    Scan scan = {.series = {.parts = 1, .last = NONE}, .kinds = {.parts = 1, .last = NONE}};
    if (!PyArg_ParseTuple(args, "SLin:scan_lines", &body, &now_ms, &scan.digits, &most))
        return NULL;
    scan.now_ms = now_ms;
    const byte *start = begin(module, body, &scan);
    if (start == NULL)
        return NULL;
    if (scan.end - start < RELEASE_FROM) {
        read_lines(&scan, start);
    } else {
        Py_BEGIN_ALLOW_THREADS
        read_lines(&scan, start);
        Py_END_ALLOW_THREADS
    }
    PyObject *result = found(&scan, most < 0 ? 0 : (size_t)most);
    let_go(&scan);
    return result;
}

static PyObject *scan_rows(PyObject *module, PyObject *args)
{
    PyObject *body;
    long long now_ms;
    int by_line;
    Scan scan = {.kinds = {.parts = JSON_PARTS, .last = NONE}};
    if (!PyArg_ParseTuple(args, "SLp:scan_rows", &body, &now_ms, &by_line))
        return NULL;
    scan.now_ms = now_ms;
    const byte *start = begin(module, body, &scan);
    if (start == NULL)
        return NULL;
    bool (*read)(Scan *, const byte *) = by_line ? read_each_line : read_batch;
    bool is_plain;
    if (scan.end - start < RELEASE_FROM) {
        is_plain = read(&scan, start);
    } else {
        Py_BEGIN_ALLOW_THREADS
        is_plain = read(&scan, start);
        Py_END_ALLOW_THREADS
    }
    PyObject *result;
    if (is_plain || scan.is_out_of_memory) {
        result = found(&scan, SIZE_MAX);
    } else {
        result = Py_None;
        Py_INCREF(result);
    }
    let_go(&scan);
    return result;
}

static PyMethodDef methods[] = {
    {"scan_lines", scan_lines, METH_VARARGS, NULL},
    {"scan_rows", scan_rows, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

/* A secret of this process, as `os.urandom` gives it. */
static int start(PyObject *module)
{
    State *state = PyModule_GetState(module);
    PyObject *os = PyImport_ImportModule("os");
    PyObject *random = NULL;
    char *bytes;
    Py_ssize_t size;
    int done = -1;
    if (state != NULL && os != NULL)
        random = PyObject_CallMethod(os, "urandom", "i", (int)sizeof state->secret);
    if (random != NULL && PyBytes_AsStringAndSize(random, &bytes, &size) == 0) {
        if (size == (Py_ssize_t)sizeof state->secret) {
            memcpy(state->secret, bytes, sizeof state->secret);
            done = 0;
        } else {
            PyErr_SetString(PyExc_SystemError, "os.urandom gave too little");
        }
    }
    Py_XDECREF(random);
    Py_XDECREF(os);
    return done;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, start},
    {0, NULL},
};

static PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "nowline.ingest._native",
    .m_size = sizeof(State),
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&module);
}
