/* Where strings, names and lines end. */
#ifndef NOWLINE_TEXT_H
#define NOWLINE_TEXT_H

#include "scan.h"

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

#endif
