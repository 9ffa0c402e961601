/* Two digits at a time. */
#ifndef NOWLINE_PAIR_H
#define NOWLINE_PAIR_H

#include <stdint.h>
#include <string.h>

static const char PAIRS[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

/* A number below 100 as two digits. */
static inline void put_pair(char *at, uint32_t number)
{
    memcpy(at, PAIRS + 2 * number, 2);
}

#endif
