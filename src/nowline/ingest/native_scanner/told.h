/* What Python is given. */
#ifndef NOWLINE_TOLD_H
#define NOWLINE_TOLD_H

#include "scan.h"

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

/* The kinds in use by their numbers; NULL when there is no memory. */
static const Kind **kinds_by_number(const Scan *scan, size_t used)
{
    const Kind **kinds = malloc((used ? used : 1) * sizeof *kinds);
    for (size_t at = 0; kinds != NULL && at < scan->kinds.kinds.count; at++) {
        const Kind *kind = kind_at(&scan->kinds, (int64_t)at);
        if (kind->next != NONE)
            kinds[kind->next] = kind;
    }
    return kinds;
}

/* All texts of the kinds in use, each with its length before it: most bodies have the same ones,
 * which are told from one look at these bytes. */
static PyObject *packed_texts(const Scan *scan, Used used)
{
    int texts = texts_of(scan);
    const Kind **kinds = kinds_by_number(scan, used.count);
    PyObject *packed = NULL;
    if (kinds != NULL && used.size < PTRDIFF_MAX / 2 && used.count < PTRDIFF_MAX / 64) {
        size_t size = used.size + used.count * (size_t)texts * sizeof(uint32_t);
        packed = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    }
    if (packed == NULL) {
        free(kinds);
        return PyErr_Occurred() ? NULL : PyErr_NoMemory();
    }
    char *to = PyBytes_AsString(packed);
    for (size_t at = 0; at < used.count; at++) {
        for (int text = 0; text < texts; text++) {
            Text each = text_of(scan, kinds[at], text);
            uint32_t length = (uint32_t)each.size;
            memcpy(to, &length, sizeof length);
            to += sizeof length;
            if (each.size)
                memcpy(to, each.at, each.size);
            to += each.size;
        }
    }
    free(kinds);
    return packed;
}

/* The next of packed texts; false if there is none. */
static bool next_text(const byte **at, const byte *end, Text *text)
{
    uint32_t length;
    if ((size_t)(end - *at) < sizeof length)
        return false;
    memcpy(&length, *at, sizeof length);
    *at += sizeof length;
    if ((size_t)(end - *at) < length)
        return false;
    *text = (Text){*at, length};
    *at += length;
    return true;
}

/* Adds a text to a list; one that is the last one of it as well is there once only. */
static bool append_text(PyObject *list, Text text, PyObject **last)
{
    if (*last == NULL || (size_t)PyBytes_Size(*last) != text.size ||
        memcmp(PyBytes_AsString(*last), text.at, text.size) != 0) {
        PyObject *made = bytes_of(text);
        if (made == NULL)
            return false;
        *last = made;
    } else {
        Py_INCREF(*last);
    }
    bool is_added = PyList_Append(list, *last) == 0;
    Py_DECREF(*last); /* the list has it */
    return is_added;
}

/* Puts each text into the list of its part in turn; false, with an error set, if that fails. */
static bool unpack_texts(const byte *at, const byte *end, PyObject *lists)
{
    PyObject *last[MOST_PARTS] = {NULL};
    Py_ssize_t parts = PyTuple_Size(lists);
    while (at < end) {
        for (Py_ssize_t part = 0; part < parts; part++) {
            Text text;
            if (!next_text(&at, end, &text)) {
                PyErr_SetString(PyExc_ValueError, "texts are cut short");
                return false;
            }
            if (!append_text(PyTuple_GetItem(lists, part), text, &last[part]))
                return false;
        }
    }
    return true;
}

static PyObject *lists_of_texts(const byte *at, const byte *end, int parts)
{
    PyObject *lists = PyTuple_New(parts);
    for (int part = 0; lists != NULL && part < parts; part++) {
        PyObject *list = PyList_New(0);
        if (list == NULL || PyTuple_SetItem(lists, part, list) < 0)
            Py_CLEAR(lists);
    }
    if (lists != NULL && !unpack_texts(at, end, lists))
        Py_CLEAR(lists);
    return lists;
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
        used.size > most ? PyBytes_FromStringAndSize(NULL, 0) : packed_texts(scan, used),
        list_of_others(scan),
        columns_of(scan)
    );
}

#endif
