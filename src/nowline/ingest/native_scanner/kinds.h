/* Telling kinds apart: SipHash-1-3 (Aumasson and Bernstein 2012), chained buckets. */
#ifndef NOWLINE_KINDS_H
#define NOWLINE_KINDS_H

#include "scan.h"

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

#endif
