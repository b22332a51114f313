#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <zmq.h>

/* Bytes that a TCP connection's peer has acknowledged and sent so far; -1 for other sockets.
 * The offsets are those of struct tcp_info in linux/tcp.h, which the kernel never changes; glibc's own lacks both. */
static inline int rahf_tcp_bytes(int descriptor, uint64_t *acknowledged, uint64_t *received) {
    unsigned char info[136];
    socklen_t size = sizeof info;
    if (getsockopt(descriptor, IPPROTO_TCP, 11 /* TCP_INFO */, info, &size) != 0 || size < sizeof info) return -1;
    memcpy(acknowledged, info + 120, 8);
    memcpy(received, info + 128, 8);
    return 0;
}
