/* Times as RFC 3339 has them. */
#ifndef NOWLINE_MOMENT_H
#define NOWLINE_MOMENT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "pair.h"

enum { DAY_S = 86400, DATE_SIZE = 10, MOMENT_SIZE = 20 };

/* The years that have four digits. */
static const int64_t FIRST_MS = INT64_C(-62135596800000), END_MS = INT64_C(253402300800000);

typedef struct {
    int64_t day; /* since 1970 */
    char text[DATE_SIZE];
} Date;

/* The date of a day since 1970 (Hinnant, "chrono-compatible low-level date algorithms"): years
 * begin in March and so end with the day that not all of them have. */
static Date date_of(int64_t day)
{
    int64_t days = day + 719468; /* since 1 March of the year 0 */
    int64_t era = days / 146097, within = days % 146097;
    int64_t year = (within - within / 1460 + within / 36524 - within / 146096) / 365;
    int64_t of_year = within - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    int64_t of_month = of_year - (153 * month + 2) / 5 + 1;
    bool is_after_december = month >= 10;
    year += era * 400 + is_after_december;
    Date date = {.day = day};
    put_pair(date.text, (uint32_t)(year / 100));
    put_pair(date.text + 2, (uint32_t)(year % 100));
    date.text[4] = date.text[7] = '-';
    put_pair(date.text + 5, (uint32_t)(is_after_december ? month - 9 : month + 3));
    put_pair(date.text + 8, (uint32_t)of_month);
    return date;
}

/* A time in whole seconds, which is one of those years; `date` is that of the one before it. */
static char *put_moment(char *at, int64_t moment_ms, Date *date)
{
    int64_t second = (moment_ms - FIRST_MS) / 1000; /* which is not negative */
    int64_t day = second / DAY_S + FIRST_MS / 1000 / DAY_S;
    uint32_t of_day = (uint32_t)(second % DAY_S);
    if (day != date->day)
        *date = date_of(day);
    memcpy(at, date->text, DATE_SIZE);
    at[10] = 'T';
    put_pair(at + 11, of_day / 3600);
    at[13] = ':';
    put_pair(at + 14, of_day / 60 % 60);
    at[16] = ':';
    put_pair(at + 17, of_day % 60);
    at[19] = 'Z';
    return at + MOMENT_SIZE;
}

#endif
