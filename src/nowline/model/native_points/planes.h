/* Whole numbers of which all low bytes are told first, then all second ones, and so on. */
#ifndef NOWLINE_PLANES_H
#define NOWLINE_PLANES_H

#include <stdint.h>
#include <string.h>

typedef struct {
    const uint8_t *bytes; /* the low one of the first number that is wanted */
    size_t rows;          /* from a byte of a number to its next one */
    size_t count;         /* how many numbers are wanted */
} Planes;

static inline uint64_t number_at(const Planes *planes, int width, size_t at)
{
    uint64_t number = 0;
    for (int plane = 0; plane < width; plane++)
        number |= (uint64_t)planes->bytes[(size_t)plane * planes->rows + at] << (8 * plane);
    return number;
}

/* `base` plus `unit` times each; what 64 bits have no room for wraps around. */
static inline void put_ints(const Planes *planes, int width, uint64_t base, uint64_t unit, char *out)
{
    for (size_t at = 0; at < planes->count; at++) {
        uint64_t number = base + unit * number_at(planes, width, at);
        memcpy(out + at * sizeof number, &number, sizeof number);
    }
}

/* `base` plus each, divided by `power`. */
static inline void put_doubles(const Planes *planes, int width, double base, double power, char *out)
{
    for (size_t at = 0; at < planes->count; at++) {
        double number = ((double)(int64_t)number_at(planes, width, at) + base) / power;
        memcpy(out + at * sizeof number, &number, sizeof number);
    }
}

#endif
