/* Listing one directory with the stat of every entry in one call, without the interpreter's lock
 * (docs/decisions/004-bulk-files.md).
 *
 * list_directory(path, follow) -> (names, cells)
 *   path    bytes, absolute
 *   follow  whether path itself may be a symlink
 *   names   list of bytes, in the order of the file system, without . and ..
 *   cells   48 bytes for the directory itself, then 48 for each name:
 *           uint64 inode, int64 size, mtime_ns, ctime_ns, uint64 device, uint32 mode, links
 *   raises  OSError; an entry that goes away meanwhile is left out
 *
 * syncd/fs/listing.py has the same in Python for builds without a compiler; one suite holds both.
 */
#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __APPLE__
#define MTIME st_mtimespec
#define CTIME st_ctimespec
#else
#define MTIME st_mtim
#define CTIME st_ctim
#endif

typedef struct {
    uint64_t inode;
    int64_t size, mtime_ns, ctime_ns;
    uint64_t device;
    uint32_t mode, links;
} cell_t;

typedef struct {
    cell_t *cells; /* the first is the directory's own */
    char *names;   /* NUL after each */
    size_t count, room, used, size;
} listing_t;

static int64_t
nanoseconds(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int
add(listing_t *l, const char *name, const struct stat *s)
{
    size_t length = strlen(name) + 1;
    if (l->count == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        cell_t *cells = realloc(l->cells, room * sizeof *cells);
        if (cells == NULL) return ENOMEM;
        l->cells = cells;
        l->room = room;
    }
    if (l->used + length > l->size) {
        size_t size = 2 * l->size + length + 1024;
        char *names = realloc(l->names, size);
        if (names == NULL) return ENOMEM;
        l->names = names;
        l->size = size;
    }
    memcpy(l->names + l->used, name, length);
    l->used += length;
    cell_t *c = &l->cells[l->count++];
    c->inode = (uint64_t)s->st_ino;
    c->size = (int64_t)s->st_size;
    c->mtime_ns = nanoseconds(s->MTIME);
    c->ctime_ns = nanoseconds(s->CTIME);
    c->device = (uint64_t)s->st_dev;
    c->mode = (uint32_t)s->st_mode;
    c->links = (uint32_t)s->st_nlink;
    return 0;
}

static int
add_entries(listing_t *l, DIR *directory)
{
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(directory);
        if (entry == NULL) return errno;
        const char *name = entry->d_name;
        if (name[0] == '.' && (name[1] == 0 || (name[1] == '.' && name[2] == 0))) continue;
        struct stat s;
        if (fstatat(dirfd(directory), name, &s, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno == ENOENT) continue;
            return errno;
        }
        int failed = add(l, name, &s);
        if (failed) return failed;
    }
}

static int
fill(listing_t *l, const char *path, int follow)
{
    struct stat own;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
    if (fd < 0) return errno == ELOOP ? ENOTDIR : errno;
    DIR *directory = fdopendir(fd);
    if (directory == NULL) {
        int failed = errno;
        close(fd);
        return failed;
    }
    /* Before the first entry is read: what comes later leaves a newer time than this one. */
    int failed = fstat(fd, &own) < 0 ? errno : add(l, "", &own);
    if (!failed) failed = add_entries(l, directory);
    closedir(directory);
    return failed;
}

static PyObject *
values(const listing_t *l)
{
    PyObject *names = PyList_New((Py_ssize_t)l->count - 1);
    const char *name = l->names + 1; /* after the directory's own empty one */
    for (size_t i = 1; names != NULL && i < l->count; i++) {
        Py_ssize_t length = (Py_ssize_t)strlen(name);
        PyObject *item = PyBytes_FromStringAndSize(name, length);
        if (item == NULL || PyList_SetItem(names, (Py_ssize_t)i - 1, item) < 0) Py_CLEAR(names);
        name += length + 1;
    }
    if (names == NULL) return NULL;
    PyObject *cells = PyBytes_FromStringAndSize((const char *)l->cells, (Py_ssize_t)(l->count * sizeof(cell_t)));
    PyObject *pair = cells == NULL ? NULL : PyTuple_Pack(2, names, cells);
    Py_XDECREF(cells);
    Py_DECREF(names);
    return pair;
}

static PyObject *
list_directory(PyObject *self, PyObject *args)
{
    const char *path;
    int follow, failed;
    listing_t l = {NULL, NULL, 0, 0, 0, 0};
    (void)self;
    if (!PyArg_ParseTuple(args, "yp", &path, &follow)) return NULL;
    Py_BEGIN_ALLOW_THREADS
    failed = fill(&l, path, follow);
    Py_END_ALLOW_THREADS
    PyObject *pair = NULL;
    if (failed == ENOMEM) {
        PyErr_NoMemory();
    } else if (failed) {
        errno = failed;
        PyErr_SetFromErrnoWithFilename(PyExc_OSError, path);
    } else {
        pair = values(&l);
    }
    free(l.cells);
    free(l.names);
    return pair;
}

static PyMethodDef methods[] = {
    {"list_directory", list_directory, METH_VARARGS, "List a directory with the stat of every entry."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_listing", NULL, -1, methods, NULL, NULL, NULL, NULL};

PyMODINIT_FUNC
PyInit__listing(void)
{
    return PyModule_Create(&module);
}
