/*
 * The points of an answer as JSON, and the numbers of a column: what NumPy and msgspec do in
 * points.py and planes.py, several times as fast.
 *
 * Only the limited API of Python 3.11 is used, so that one build serves every later Python.
 */
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <math.h>
#include <stdlib.h>

#include "native_points/decimal.h"
#include "native_points/moment.h"
#include "native_points/planes.h"

#define HEAD "{\"timestamp\":\""
#define MIDDLE "\",\"value\":"
#define TAGS ",\"tags\":"

enum {
    RELEASE_FROM = 8192, /* how many points are worth letting other threads run */
    HEAD_SIZE = sizeof HEAD - 1,
    MIDDLE_SIZE = sizeof MIDDLE - 1,
    TAGS_SIZE = sizeof TAGS - 1,
    MOST_A_POINT = HEAD_SIZE + MOMENT_SIZE + MIDDLE_SIZE + MOST_DECIMAL + TAGS_SIZE + 2,
};

typedef struct {
    const char *text;
    size_t size;
} Text;

typedef struct {
    const int64_t *group, *moment;
    const double *value;
    Py_ssize_t count;
    Text *tags;
    Py_ssize_t groups;
    char *json;
    PyThreadState *released; /* while other threads may run */
} Points;

/* A double that is told by Python, as `repr` does. */
static char *put_as_python(Points *points, char *at, double value)
{
    if (points->released)
        PyEval_RestoreThread(points->released);
    char *text = PyOS_double_to_string(value, 'r', 0, Py_DTSF_ADD_DOT_0, NULL);
    size_t size = text ? strlen(text) : 0;
    if (text)
        memcpy(at, text, size);
    PyMem_Free(text);
    if (points->released)
        points->released = PyEval_SaveThread();
    return text ? at + size : NULL;
}

/* JSON has no NaN and no infinities (RFC 8259, section 6). */
static char *put_value(Points *points, char *at, double value)
{
    Decimal decimal;
    if (!isfinite(value)) {
        memcpy(at, "null", 4);
        return at + 4;
    }
    if (!decimal_of(fabs(value), &decimal))
        return put_as_python(points, at, value);
    if (signbit(value))
        *at++ = '-';
    return put_decimal(at, decimal);
}

static inline char *put(char *at, const char *text, size_t size)
{
    memcpy(at, text, size);
    return at + size;
}

/* Write all of them; where the text ends, NULL when there is no memory. */
static char *put_points(Points *points)
{
    Date date = date_of(0);
    char *at = points->json;
    *at++ = '[';
    for (Py_ssize_t number = 0; number < points->count; number++) {
        const Text *tags = &points->tags[points->group[number]];
        at = put(at, HEAD, HEAD_SIZE);
        at = put_moment(at, points->moment[number], &date);
        at = put(at, MIDDLE, MIDDLE_SIZE);
        at = put_value(points, at, points->value[number]);
        if (at == NULL)
            return NULL;
        at = put(at, TAGS, TAGS_SIZE);
        at = put(at, tags->text, tags->size);
        *at++ = '}';
        *at++ = ',';
    }
    at[-1] = ']';
    return at;
}

/* How much room all of them take at most; 0 if there are none, or one cannot be told here. */
static size_t room_for(const Points *points)
{
    size_t room = 1;
    for (Py_ssize_t number = 0; number < points->count; number++) {
        int64_t group = points->group[number], moment = points->moment[number];
        if (group < 0 || group >= points->groups || moment < FIRST_MS || moment >= END_MS)
            return 0;
        size_t size = MOST_A_POINT + points->tags[group].size;
        if (size > PTRDIFF_MAX - room)
            return 0;
        room += size;
    }
    return points->count ? room : 0;
}

static PyObject *encoded(Points *points)
{
    size_t room = room_for(points);
    if (!room)
        return Py_NewRef(Py_None);
    points->json = malloc(room);
    if (points->json == NULL)
        return PyErr_NoMemory();
    if (points->count >= RELEASE_FROM)
        points->released = PyEval_SaveThread();
    char *end = put_points(points);
    if (points->released)
        PyEval_RestoreThread(points->released);
    PyObject *result = NULL;
    if (end)
        result = PyBytes_FromStringAndSize(points->json, end - points->json);
    else
        PyErr_NoMemory();
    free(points->json);
    return result;
}

/* The texts of a list, which has to outlive them. */
static bool read_tags(PyObject *listed, Points *points)
{
    points->groups = PyList_Size(listed);
    points->tags = calloc((size_t)points->groups + 1, sizeof *points->tags);
    if (points->tags == NULL) {
        PyErr_NoMemory();
        return false;
    }
    for (Py_ssize_t number = 0; number < points->groups; number++) {
        char *text;
        Py_ssize_t size;
        if (PyBytes_AsStringAndSize(PyList_GetItem(listed, number), &text, &size) < 0)
            return false;
        points->tags[number] = (Text){text, (size_t)size};
    }
    return true;
}

static PyObject *to_json(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *listed;
    Py_buffer group = {0}, moment = {0}, value = {0};
    if (!PyArg_ParseTuple(args, "O!y*y*y*:to_json", &PyList_Type, &listed, &group, &moment, &value))
        return NULL;
    Points points = {
        .group = group.buf,
        .moment = moment.buf,
        .value = value.buf,
        .count = moment.len / (Py_ssize_t)sizeof(int64_t),
    };
    PyObject *result = NULL;
    if (group.len != moment.len || value.len != moment.len)
        PyErr_SetString(PyExc_ValueError, "the columns are of different lengths");
    else if (read_tags(listed, &points))
        result = encoded(&points);
    free(points.tags);
    PyBuffer_Release(&group);
    PyBuffer_Release(&moment);
    PyBuffer_Release(&value);
    return result;
}

/* Those from `first` on that there is room for; false if the bytes are not all of so many. */
static bool planes_of(const Py_buffer *raw, int width, Py_ssize_t first, const Py_buffer *out,
                      Planes *planes)
{
    Py_ssize_t count = out->len / (Py_ssize_t)sizeof(uint64_t);
    bool is_width = width == 1 || width == 2 || width == 4 || width == 8;
    Py_ssize_t rows = is_width ? raw->len / width : 0;
    if (!is_width || raw->len % width || first < 0 || count > rows || first > rows - count) {
        PyErr_SetString(PyExc_ValueError, "the bytes are not of so many numbers");
        return false;
    }
    *planes = (Planes){(const uint8_t *)raw->buf + first, (size_t)rows, (size_t)count};
    return true;
}

static PyObject *to_ints(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer raw, out;
    int width;
    Py_ssize_t first;
    long long base, unit;
    if (!PyArg_ParseTuple(args, "y*inLLw*:to_ints", &raw, &width, &first, &base, &unit, &out))
        return NULL;
    Planes planes;
    bool is_good = planes_of(&raw, width, first, &out, &planes);
    /* Of each width there is a loop of its own, which compilers make vector instructions of. */
    if (is_good && width == 1)
        put_ints(&planes, 1, (uint64_t)base, (uint64_t)unit, out.buf);
    else if (is_good && width == 2)
        put_ints(&planes, 2, (uint64_t)base, (uint64_t)unit, out.buf);
    else if (is_good && width == 4)
        put_ints(&planes, 4, (uint64_t)base, (uint64_t)unit, out.buf);
    else if (is_good)
        put_ints(&planes, 8, (uint64_t)base, (uint64_t)unit, out.buf);
    PyBuffer_Release(&raw);
    PyBuffer_Release(&out);
    return is_good ? Py_NewRef(Py_None) : NULL;
}

static PyObject *to_doubles(PyObject *module, PyObject *args)
{
    (void)module;
    Py_buffer raw, out;
    int width;
    Py_ssize_t first;
    double base, power;
    if (!PyArg_ParseTuple(args, "y*inddw*:to_doubles", &raw, &width, &first, &base, &power, &out))
        return NULL;
    Planes planes;
    bool is_good = planes_of(&raw, width, first, &out, &planes);
    if (is_good && width == 1)
        put_doubles(&planes, 1, base, power, out.buf);
    else if (is_good && width == 2)
        put_doubles(&planes, 2, base, power, out.buf);
    else if (is_good && width == 4)
        put_doubles(&planes, 4, base, power, out.buf);
    else if (is_good)
        put_doubles(&planes, 8, base, power, out.buf);
    PyBuffer_Release(&raw);
    PyBuffer_Release(&out);
    return is_good ? Py_NewRef(Py_None) : NULL;
}

static PyMethodDef methods[] = {
    {"to_json", to_json, METH_VARARGS, NULL},
    {"to_ints", to_ints, METH_VARARGS, NULL},
    {"to_doubles", to_doubles, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {0, NULL},
};

static PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "nowline.model._native",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&module);
}
