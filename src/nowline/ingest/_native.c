/*
 * One pass over a body of rows: which series each row has, its time and its value.
 *
 * It reads plain rows only, nearly all there are, and says which others there are; those are read
 * by Python, which also makes the labels, once for each distinct one. What is plain, and what it
 * means, is as in line_scan.py and json.py, which do the same where this could not be built.
 *
 * Bodies come from anywhere: each place is checked against the end before it is read, each
 * allocation is checked, and series are told apart by a hash with a secret key, so that nobody
 * can make them all meet in one bucket.
 *
 * Only the limited API of Python 3.11 is used, so that one build serves every later Python.
 */
#ifndef Py_LIMITED_API
#define Py_LIMITED_API 0x030B0000
#endif
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "native_scanner/lines.h"
#include "native_scanner/rows.h"
#include "native_scanner/told.h"

typedef struct {
    uint64_t secret[2];
} State;

static const byte *begin(PyObject *module, PyObject *body, Scan *scan)
{
    char *start;
    Py_ssize_t size;
    const State *state = PyModule_GetState(module);
    if (state == NULL || PyBytes_AsStringAndSize(body, &start, &size) < 0)
        return NULL;
    memcpy(scan->secret, state->secret, sizeof scan->secret);
    scan->end = (const byte *)start + size;
    return (const byte *)start;
}

static PyObject *scan_lines(PyObject *module, PyObject *args)
{
    PyObject *body;
    long long now_ms;
    Py_ssize_t most;
    Scan scan = {.series = {.parts = 1, .last = NONE}, .kinds = {.parts = 1, .last = NONE}};
    if (!PyArg_ParseTuple(args, "SLin:scan_lines", &body, &now_ms, &scan.digits, &most))
        return NULL;
    scan.now_ms = now_ms;
    const byte *start = begin(module, body, &scan);
    if (start == NULL)
        return NULL;
    if (scan.end - start < RELEASE_FROM) {
        read_lines(&scan, start);
    } else {
        Py_BEGIN_ALLOW_THREADS
        read_lines(&scan, start);
        Py_END_ALLOW_THREADS
    }
    PyObject *result = found(&scan, most < 0 ? 0 : (size_t)most);
    let_go(&scan);
    return result;
}

static PyObject *scan_rows(PyObject *module, PyObject *args)
{
    PyObject *body;
    long long now_ms;
    int by_line;
    Scan scan = {.kinds = {.parts = JSON_PARTS, .last = NONE}};
    if (!PyArg_ParseTuple(args, "SLp:scan_rows", &body, &now_ms, &by_line))
        return NULL;
    scan.now_ms = now_ms;
    const byte *start = begin(module, body, &scan);
    if (start == NULL)
        return NULL;
    bool (*read)(Scan *, const byte *) = by_line ? read_each_line : read_batch;
    bool is_plain;
    if (scan.end - start < RELEASE_FROM) {
        is_plain = read(&scan, start);
    } else {
        Py_BEGIN_ALLOW_THREADS
        is_plain = read(&scan, start);
        Py_END_ALLOW_THREADS
    }
    PyObject *result;
    if (is_plain || scan.is_out_of_memory) {
        result = found(&scan, SIZE_MAX);
    } else {
        result = Py_None;
        Py_INCREF(result);
    }
    let_go(&scan);
    return result;
}

static PyObject *unpacked(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *packed;
    int parts;
    char *start;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "Si:unpacked", &packed, &parts) ||
        PyBytes_AsStringAndSize(packed, &start, &size) < 0)
        return NULL;
    if (parts < 1 || parts > MOST_PARTS) {
        PyErr_SetString(PyExc_ValueError, "there are no such parts");
        return NULL;
    }
    return lists_of_texts((const byte *)start, (const byte *)start + size, parts);
}

static PyMethodDef methods[] = {
    {"scan_lines", scan_lines, METH_VARARGS, NULL},
    {"scan_rows", scan_rows, METH_VARARGS, NULL},
    {"unpacked", unpacked, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

/* A secret of this process, as `os.urandom` gives it. */
static int start(PyObject *module)
{
    State *state = PyModule_GetState(module);
    PyObject *os = PyImport_ImportModule("os");
    PyObject *random = NULL;
    char *bytes;
    Py_ssize_t size;
    int done = -1;
    if (state != NULL && os != NULL)
        random = PyObject_CallMethod(os, "urandom", "i", (int)sizeof state->secret);
    if (random != NULL && PyBytes_AsStringAndSize(random, &bytes, &size) == 0) {
        if (size == (Py_ssize_t)sizeof state->secret) {
            memcpy(state->secret, bytes, sizeof state->secret);
            done = 0;
        } else {
            PyErr_SetString(PyExc_SystemError, "os.urandom gave too little");
        }
    }
    Py_XDECREF(random);
    Py_XDECREF(os);
    return done;
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, start},
    {0, NULL},
};

static PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "nowline.ingest._native",
    .m_size = sizeof(State),
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&module);
}
