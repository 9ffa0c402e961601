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

#endif
