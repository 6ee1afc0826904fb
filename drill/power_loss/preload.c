/* The shim for machines where /dev/fuse is closed, and the negative control for the test that follows system calls.
 *
 * Loaded with LD_PRELOAD into a process. Every fsync and fdatasync goes, with its file, over the Unix socket named by
 * POWER_LOSS_DISK to the process that keeps the Disk (disk.py), and returns when that has taken it in. With
 * POWER_LOSS_DISK=swallow it returns success at once and no sync reaches the kernel: the negative control. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int tell_the_disk(int file)
{
    const char *place = getenv("POWER_LOSS_DISK");
    if (place == NULL) { errno = EIO; return -1; }
    if (strcmp(place, "swallow") == 0) return 0;

    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(place) >= sizeof address.sun_path) { errno = ENAMETOOLONG; return -1; }
    strcpy(address.sun_path, place);
    /* One connection per sync: safe with threads and after fork. */
    int line = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (line < 0) return -1;

    char word = 's', control[CMSG_SPACE(sizeof(int))] = { 0 };
    struct iovec part = { .iov_base = &word, .iov_len = 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &file, sizeof file);

    int good = connect(line, (struct sockaddr *)&address, sizeof address) == 0 && sendmsg(line, &message, MSG_NOSIGNAL) == 1;
    ssize_t got;
    if (good) do got = read(line, &word, 1); while (got < 0 && errno == EINTR);
    good = good && got == 1 && word == 'k';
    close(line);
    if (!good) { errno = EIO; return -1; }
    return 0;
}

int fsync(int file) { return tell_the_disk(file); }
int fdatasync(int file) { return tell_the_disk(file); }
