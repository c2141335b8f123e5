/* Reading or writing many small files below one directory in one call, without the interpreter's lock
 * (docs/decisions/004-bulk-files.md).
 *
 * read_files(directory, names, expect) -> list
 *   directory  bytes, absolute path
 *   names      list of bytes, paths below that directory
 *   expect     buffer of 4 int64 per name: size, mtime_ns, ctime_ns, inode
 *   returns    per name: bytes, the whole file; None, it is not what was expected; int, an errno
 *
 * write_files(directory, names, contents, meta) -> list
 *   directory  bytes, absolute path
 *   names      list of bytes, paths below that directory; nothing may stand there
 *   contents   list of bytes, whole files
 *   meta       buffer of 2 int64 per name: mode, mtime_ns
 *   returns    per name: 0 or an errno; what was begun and failed is removed
 *
 * syncd/fs/bulk.py has the same in Python for builds without a compiler; one suite holds both.
 * Never follows a symlink, never waits for a fifo, reads nothing but regular files.
 */
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_OK = 0, READ_TORN = -1 };

typedef struct {
    const char *name;
    char *data;
    int64_t size, mtime_ns, ctime_ns, inode;
    int result; /* READ_OK, READ_TORN or an errno */
} file_t;

#ifdef __APPLE__
#define MTIME st_mtimespec
#define CTIME st_ctimespec
#else
#define MTIME st_mtim
#define CTIME st_ctim
#endif

static int64_t
nanoseconds(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int
read_whole(int fd, const file_t *f)
{
    int64_t got = 0;
    while (got < f->size) {
        ssize_t n = read(fd, f->data + got, (size_t)(f->size - got));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        if (n == 0) return READ_TORN;
        got += n;
    }
    struct stat s;
    if (fstat(fd, &s) < 0) return errno;
    int same = S_ISREG(s.st_mode) && (int64_t)s.st_size == f->size && (int64_t)s.st_ino == f->inode &&
               nanoseconds(s.MTIME) == f->mtime_ns && nanoseconds(s.CTIME) == f->ctime_ns;
    return same ? READ_OK : READ_TORN;
}

static void
read_one(int directory, file_t *f)
{
    int fd = openat(directory, f->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        f->result = errno;
        return;
    }
    f->result = read_whole(fd, f);
    close(fd);
}

static int
prepare(PyObject *names, Py_ssize_t count, const int64_t *expect, file_t *files, PyObject **buffers)
{
    for (Py_ssize_t i = 0; i < count; i++) {
        file_t *f = &files[i];
        memcpy(&f->size, expect + 4 * i, 4 * sizeof *expect);
        char *name;
        PyObject *item = PyList_GetItem(names, i);
        if (item == NULL || PyBytes_AsStringAndSize(item, &name, NULL) < 0) return -1;
        f->name = name;
        if (f->size < 0) { PyErr_SetString(PyExc_ValueError, "read_files: negative size"); return -1; }
        buffers[i] = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)f->size);
        if (buffers[i] == NULL) return -1;
        f->data = PyBytes_AsString(buffers[i]);
    }
    return 0;
}

static PyObject *
results(const file_t *files, PyObject **buffers, Py_ssize_t count)
{
    PyObject *list = PyList_New(count);
    if (list == NULL) return NULL;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *item;
        if (files[i].result == READ_OK) {
            item = buffers[i];
            buffers[i] = NULL;
        } else if (files[i].result == READ_TORN) {
            item = Py_None;
            Py_INCREF(item);
        } else {
            item = PyLong_FromLong(files[i].result);
        }
        if (item == NULL || PyList_SetItem(list, i, item) < 0) {
            Py_DECREF(list);
            return NULL;
        }
    }
    return list;
}

static PyObject *
read_files(PyObject *self, PyObject *args)
{
    const char *path;
    PyObject *names, *list = NULL;
    Py_buffer expect;
    (void)self;
    if (!PyArg_ParseTuple(args, "yOy*", &path, &names, &expect)) return NULL;
    Py_ssize_t count = PyList_Check(names) ? PyList_Size(names) : -1;
    if (count < 0 || expect.len != count * 4 * (Py_ssize_t)sizeof(int64_t)) {
        PyErr_SetString(PyExc_ValueError, "read_files: names and expectations do not fit");
        PyBuffer_Release(&expect);
        return NULL;
    }
    file_t *files = PyMem_Malloc(sizeof *files * (size_t)(count + 1));
    PyObject **buffers = PyMem_Malloc(sizeof *buffers * (size_t)(count + 1));
    if (files == NULL || buffers == NULL) {
        PyErr_NoMemory();
    } else {
        memset(buffers, 0, sizeof *buffers * (size_t)(count + 1));
        if (prepare(names, count, expect.buf, files, buffers) == 0) {
            int failed = 0;
            Py_BEGIN_ALLOW_THREADS
            int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            if (directory < 0) failed = errno;
            for (Py_ssize_t i = 0; i < count; i++) {
                if (failed) files[i].result = failed;
                else read_one(directory, &files[i]);
            }
            if (directory >= 0) close(directory);
            Py_END_ALLOW_THREADS
            list = results(files, buffers, count);
        }
        for (Py_ssize_t i = 0; i < count; i++) Py_XDECREF(buffers[i]);
    }
    PyMem_Free(files);
    PyMem_Free(buffers);
    PyBuffer_Release(&expect);
    return list;
}

typedef struct {
    const char *name;
    const char *data;
    int64_t size, mode, mtime_ns;
    int result;
} output_t;

static int
write_whole(int fd, const output_t *f)
{
    int64_t done = 0;
    while (done < f->size) {
        ssize_t n = write(fd, f->data + done, (size_t)(f->size - done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        done += n;
    }
    if (fchmod(fd, (mode_t)f->mode) < 0) return errno;
    struct timespec t[2];
    /* C division rounds to zero; times before 1970 need the floor. */
    int64_t seconds = f->mtime_ns / 1000000000, rest = f->mtime_ns % 1000000000;
    if (rest < 0) { rest += 1000000000; seconds -= 1; }
    t[0].tv_sec = t[1].tv_sec = (time_t)seconds;
    t[0].tv_nsec = t[1].tv_nsec = (long)rest;
    return futimens(fd, t) < 0 ? errno : 0;
}

static void
write_one(int directory, output_t *f)
{
    int fd = openat(directory, f->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
        f->result = errno;
        return;
    }
    f->result = write_whole(fd, f);
    if (close(fd) < 0 && f->result == 0) f->result = errno;
    if (f->result != 0) unlinkat(directory, f->name, 0);
}

static PyObject *
write_files(PyObject *self, PyObject *args)
{
    const char *path;
    PyObject *names, *contents, *list = NULL;
    Py_buffer meta;
    (void)self;
    if (!PyArg_ParseTuple(args, "yOOy*", &path, &names, &contents, &meta)) return NULL;
    Py_ssize_t count = PyList_Check(names) && PyList_Check(contents) ? PyList_Size(names) : -1;
    if (count < 0 || PyList_Size(contents) != count || meta.len != count * 2 * (Py_ssize_t)sizeof(int64_t)) {
        PyErr_SetString(PyExc_ValueError, "write_files: names, contents and meta do not fit");
        PyBuffer_Release(&meta);
        return NULL;
    }
    output_t *files = PyMem_Malloc(sizeof *files * (size_t)(count + 1));
    if (files == NULL) {
        PyErr_NoMemory();
        goto done;
    }
    for (Py_ssize_t i = 0; i < count; i++) {
        output_t *f = &files[i];
        char *name, *data;
        Py_ssize_t size;
        /* The caller's lists keep the bytes alive while the lock is let go. */
        if (PyBytes_AsStringAndSize(PyList_GetItem(names, i), &name, NULL) < 0) goto done;
        if (PyBytes_AsStringAndSize(PyList_GetItem(contents, i), &data, &size) < 0) goto done;
        f->name = name;
        f->data = data;
        f->size = size;
        memcpy(&f->mode, (const char *)meta.buf + 16 * i, 8);
        memcpy(&f->mtime_ns, (const char *)meta.buf + 16 * i + 8, 8);
    }
    Py_BEGIN_ALLOW_THREADS
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = directory < 0 ? errno : 0;
    for (Py_ssize_t i = 0; i < count; i++) {
        if (failed) files[i].result = failed;
        else write_one(directory, &files[i]);
    }
    if (directory >= 0) close(directory);
    Py_END_ALLOW_THREADS
    list = PyList_New(count);
    for (Py_ssize_t i = 0; list != NULL && i < count; i++) {
        PyObject *item = PyLong_FromLong(files[i].result);
        if (item == NULL || PyList_SetItem(list, i, item) < 0) {
            Py_DECREF(list);
            list = NULL;
        }
    }
done:
    PyMem_Free(files);
    PyBuffer_Release(&meta);
    return list;
}

static PyMethodDef methods[] = {
    {"write_files", write_files, METH_VARARGS, "Write small files below one directory."},
    {"read_files", read_files, METH_VARARGS, "Read small files below one directory whole."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_bulk", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC
PyInit__bulk(void)
{
    return PyModule_Create(&module);
}
