/* Doubles as the shortest decimals that are read as the same double again. */
#ifndef NOWLINE_DECIMAL_H
#define NOWLINE_DECIMAL_H

#include <float.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "pair.h"

typedef struct {
    uint64_t digits;
    int places; /* so many of the digits are behind the point */
} Decimal;

enum {
    EIGHT_DIGITS = 100000000,
    MOST_DIGITS = 20,  /* of 64 bits */
    MOST_PLACES = 27,  /* 5^27 is the last power of five below 2^64 */
    MOST_DECIMAL = 40, /* bytes: a sign, 18 digits or a zero, a point and 27 places */
};

static const double LEAST = 1e-11; /* below this there are more than 27 places */
static const double WHOLE = 9007199254740992.0; /* 2^53: from here on all doubles are whole */
static const double EXACT_BELOW = 1e15; /* no two decimals of 15 digits are the same double */

/* Most measured values are decimals of a few places. */
static bool few_places(double value, Decimal *found)
{
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 0
    double scaled = value * 1e4;
    if (scaled >= EXACT_BELOW)
        return false;
    uint64_t digits = (uint64_t)(scaled + 0.5);
    /* Both are exact, so that what comes of them is the double that the decimal is read as. */
    if ((double)digits / 1e4 != value)
        return false;
    int places = 4;
    while (places && digits % 10 == 0) {
        digits /= 10;
        places--;
    }
    *found = (Decimal){digits, places};
    return true;
#else
    (void)value, (void)found;
    return false;
#endif
}

#if defined(__SIZEOF_INT128__) && (defined(__GNUC__) || defined(__clang__))
__extension__ typedef unsigned __int128 Wide;

/* All that is read as one double: the decimals, in units of the last place, from `least` to
 * `greatest`, and the one nearest to it with what was cut off behind that. */
typedef struct {
    uint64_t least, greatest, nearest;
    int places;
    int cut;      /* the last digit that was cut off, */
    bool is_more; /* and whether anything but zeros was behind it */
} Reach;

static const uint64_t POWERS_OF_FIVE[MOST_PLACES + 1] = {
    UINT64_C(1), UINT64_C(5), UINT64_C(25), UINT64_C(125), UINT64_C(625), UINT64_C(3125),
    UINT64_C(15625), UINT64_C(78125), UINT64_C(390625), UINT64_C(1953125), UINT64_C(9765625),
    UINT64_C(48828125), UINT64_C(244140625), UINT64_C(1220703125), UINT64_C(6103515625),
    UINT64_C(30517578125), UINT64_C(152587890625), UINT64_C(762939453125),
    UINT64_C(3814697265625), UINT64_C(19073486328125), UINT64_C(95367431640625),
    UINT64_C(476837158203125), UINT64_C(2384185791015625), UINT64_C(11920928955078125),
    UINT64_C(59604644775390625), UINT64_C(298023223876953125), UINT64_C(1490116119384765625),
    UINT64_C(7450580596923828125),
};

/* The reach in 17 or 18 digits, exactly: what is between two doubles is wider than one of them.
 *
 * The value is `fraction` times 2^exponent. Halfway to the next double belongs to the one whose
 * fraction is even; below a power of two the doubles are twice as close (IEEE 754). */
static bool reach_of(uint64_t fraction, int exponent, Reach *reach)
{
    int magnitude = (int)(((exponent + 52) * INT64_C(78913)) >> 18); /* of ten, rounded down */
    int places = 16 - magnitude, behind = 2 - exponent - places;
    if (places < 0 || places > MOST_PLACES || behind < 2 || behind > 64)
        return false;
    Wide unit = POWERS_OF_FIVE[places], mask = ((Wide)1 << behind) - 1;
    bool is_closer_below = fraction == UINT64_C(1) << 52, is_even = !(fraction & 1);
    Wide low = unit * (4 * fraction - (is_closer_below ? 1 : 2)), high = unit * (4 * fraction + 2);
    Wide middle = unit * (4 * fraction), rest = middle & mask;
    reach->least = (uint64_t)(low >> behind) + ((low & mask) || !is_even);
    reach->greatest = (uint64_t)(high >> behind) - (!(high & mask) && !is_even);
    reach->nearest = (uint64_t)(middle >> behind);
    reach->places = places;
    reach->cut = (int)((rest * 10) >> behind);
    reach->is_more = ((rest * 10) & mask) != 0;
    return true;
}

/* Leave digits out as long as what is left is read as the same double (Adams, "Ryu", PLDI 2018). */
static Decimal shortened(Reach reach)
{
    while (reach.places > 0 && (reach.least + 9) / 10 <= reach.greatest / 10) {
        reach.is_more |= reach.cut != 0;
        reach.cut = (int)(reach.nearest % 10);
        reach.nearest /= 10;
        reach.least = (reach.least + 9) / 10;
        reach.greatest /= 10;
        reach.places--;
    }
    bool is_odd = reach.nearest & 1;
    uint64_t digits = reach.nearest + (reach.cut + (reach.is_more || is_odd) > 5);
    if (digits < reach.least)
        digits = reach.least;
    if (digits > reach.greatest)
        digits = reach.greatest;
    return (Decimal){digits, reach.places};
}

static bool many_places(double value, Decimal *found)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t fraction = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
    Reach reach;
    if (!reach_of(fraction, (int)(bits >> 52) - 1075, &reach))
        return false;
    *found = shortened(reach);
    return true;
}
#else
static bool many_places(double value, Decimal *found)
{
    (void)value, (void)found;
    return false;
}
#endif

/* The shortest decimal of a value that is not negative, if it can be told here. */
static bool decimal_of(double value, Decimal *found)
{
    if (value >= WHOLE || (value < LEAST && value != 0))
        return false;
    return few_places(value, found) || many_places(value, found);
}

/* The digits of a number, which end there; where they begin. A zero has none. */
static char *put_digits(char *end, uint64_t number)
{
    /* Parts of eight digits do not wait for each other. */
    for (; number >= EIGHT_DIGITS; number /= EIGHT_DIGITS) {
        uint32_t part = (uint32_t)(number % EIGHT_DIGITS);
        put_pair(end - 2, part % 100);
        put_pair(end - 4, part / 100 % 100);
        put_pair(end - 6, part / 10000 % 100);
        put_pair(end - 8, part / 1000000);
        end -= 8;
    }
    uint32_t rest = (uint32_t)number;
    for (; rest >= 10; rest /= 100)
        put_pair(end -= 2, rest % 100);
    if (rest)
        *--end = (char)('0' + rest);
    return end;
}

/* Its text; a whole number has one place, as Python writes it. */
static char *put_decimal(char *at, Decimal decimal)
{
    char text[MOST_DIGITS];
    char *end = text + sizeof text, *from = put_digits(end, decimal.digits);
    int whole = (int)(end - from) - decimal.places;
    if (whole <= 0) {
        *at++ = '0';
    } else {
        memcpy(at, from, (size_t)whole);
        at += whole;
        from += whole;
    }
    *at++ = '.';
    for (; whole < 0; whole++)
        *at++ = '0';
    if (from == end)
        *at++ = '0';
    memcpy(at, from, (size_t)(end - from));
    return at + (end - from);
}

#endif
