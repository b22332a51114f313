import CZeroMQ
import Glibc

/// A libzmq context. Any thread may make sockets from it.
package final class Context: Sendable {
    // libzmq documents contexts as safe to share between threads.
    nonisolated(unsafe) let pointer: UnsafeMutableRawPointer

    package init() throws(ZeroMQError) {
        guard let pointer = zmq_ctx_new() else { throw .last("zmq_ctx_new") }
        self.pointer = pointer
    }

    deinit {
        // Sockets hold their context, so all are closed here; this waits for their linger only.
        while zmq_ctx_term(pointer) != 0, zmq_errno() == EINTR {}
    }
}
