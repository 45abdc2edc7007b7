/* A plain WASI program in C: writes a few lines to stdout and ends itself with 0. */
#include "drydock.h"

struct ciovec {
    const char *data;
    uint32_t length;
};

static void print(const char *text)
{
    uint32_t length = 0;
    while (text[length])
        length++;
    struct ciovec vector = { text, length };
    uint32_t written;
    wasi_fd_write(1, (int32_t)(uintptr_t)&vector, 1, (int32_t)(uintptr_t)&written);
}

void _start(void)
{
    print("hello from C\n");
    print("two lines\nin one write\n");
    wasi_proc_exit(0);
}
