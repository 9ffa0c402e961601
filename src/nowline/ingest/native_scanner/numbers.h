/* Numbers, exactly as Python reads them. */
#ifndef NOWLINE_NUMBERS_H
#define NOWLINE_NUMBERS_H

#include "scan.h"

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

#endif
