/* The gear64 kernel (docs/format.md section 5): where to cut, 64-byte window, secret table.
 *
 * scan(table, data, minimum, average, maximum, strict, loose, length, hash)
 *   table   2048 bytes, 256 little-endian u64
 *   data    any buffer; the next bytes of the file
 *   length  bytes in the open chunk before data[0];  hash  the rolling hash there
 *   returns ([ends of chunks as offsets into data], length, hash) to go on with
 *
 * syncd/chunk/gear.py must return the same for every input; tests hold the two together.
 * Bytes before minimum - 64 are skipped: no window that is ever tested reaches them.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    uint64_t minimum, average, maximum, strict, loose;
} params_t;

/* Kept out of line: inlined into its caller the loop loses a quarter of its speed to register pressure. */
static __attribute__((noinline)) size_t
find_cut(const uint64_t *gear, const uint8_t *p, size_t limit, uint64_t threshold, uint64_t *hash)
{
    /* Consumes up to `limit` bytes; returns the count consumed when a cut was found, else limit + 1. */
    uint64_t h = *hash;
    size_t i = 0;
    for (; i + 2 <= limit; i += 2) {
        uint64_t a = (h << 1) + gear[p[i]];
        h = (a << 1) + gear[p[i + 1]];
        if (a < threshold) { *hash = a; return i + 1; }
        if (h < threshold) { *hash = h; return i + 2; }
    }
    for (; i < limit; i++) {
        h = (h << 1) + gear[p[i]];
        if (h < threshold) { *hash = h; return i + 1; }
    }
    *hash = h;
    return limit + 1;
}

static size_t
min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t
scan_all(const uint64_t *gear, const uint8_t *data, size_t size, const params_t *q,
         uint64_t *length, uint64_t *hash, uint64_t *ends)
{
    size_t pos = 0, count = 0;
    uint64_t n = *length, h = *hash;
    while (pos < size) {
        if (n < q->minimum - 64) {
            size_t step = min_size((size_t)(q->minimum - 64 - n), size - pos);
            pos += step; n += step; h = 0;
            continue;
        }
        if (n + 1 < q->minimum) { /* warm the window up, testing nothing */
            size_t step = min_size((size_t)(q->minimum - 1 - n), size - pos);
            for (size_t i = 0; i < step; i++) h = (h << 1) + gear[data[pos + i]];
            pos += step; n += step;
            continue;
        }
        /* Byte number n + 1 of the chunk is next: strict while n + 1 < average, loose until the maximum. */
        uint64_t zone = n + 1 < q->average ? q->average - 1 : q->maximum;
        uint64_t threshold = n + 1 < q->average ? q->strict : q->loose;
        size_t limit = min_size((size_t)(zone - n), size - pos);
        size_t used = find_cut(gear, data + pos, limit, threshold, &h);
        if (used <= limit) {
            pos += used; n = 0; h = 0; ends[count++] = pos;
        } else {
            pos += limit; n += limit;
            if (n == q->maximum) { n = 0; h = 0; ends[count++] = pos; }
        }
    }
    *length = n;
    *hash = h;
    return count;
}

static PyObject *
scan(PyObject *self, PyObject *args)
{
    Py_buffer table, data;
    unsigned long long minimum, average, maximum, strict, loose, length, hash;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*y*KKKKKKK", &table, &data, &minimum, &average, &maximum,
                          &strict, &loose, &length, &hash))
        return NULL;
    PyObject *result = NULL, *list = NULL;
    uint64_t *ends = NULL;
    if (table.len != 2048 || minimum < 64 || average <= minimum || maximum <= average || length >= maximum) {
        PyErr_SetString(PyExc_ValueError, "scan: parameters out of range");
        goto done;
    }
    ends = malloc(((size_t)data.len / (size_t)minimum + 2) * sizeof *ends);
    if (ends == NULL) { PyErr_NoMemory(); goto done; }
    params_t q = {minimum, average, maximum, strict, loose};
    uint64_t n = length, h = hash;
    uint64_t gear[256];
    memcpy(gear, table.buf, sizeof gear);
    size_t count;
    Py_BEGIN_ALLOW_THREADS
    count = scan_all(gear, data.buf, (size_t)data.len, &q, &n, &h, ends);
    Py_END_ALLOW_THREADS
    list = PyList_New((Py_ssize_t)count);
    if (list == NULL) goto done;
    for (size_t i = 0; i < count; i++) {
        PyObject *end = PyLong_FromUnsignedLongLong(ends[i]);
        if (end == NULL || PyList_SetItem(list, (Py_ssize_t)i, end) < 0) goto done;
    }
    result = Py_BuildValue("OKK", list, (unsigned long long)n, (unsigned long long)h);
done:
    Py_XDECREF(list);
    free(ends);
    PyBuffer_Release(&table);
    PyBuffer_Release(&data);
    return result;
}

static PyMethodDef methods[] = {
    {"scan", scan, METH_VARARGS, "Find the cuts in the next bytes of a file."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_gear", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC
PyInit__gear(void)
{
    return PyModule_Create(&module);
}
