import CZeroMQ
import Glibc

/// Waits for several sockets and one wake-up at a time.
package enum Poll {
    /// Returns which sockets have a message, after at most `timeout` (nil waits for ever), and clears the wake-up.
    ///
    /// Also returns, with nothing ready, when a signal arrives.
    package static func wait(
        for sockets: [Socket], wakeUp: WakeUp? = nil, timeout: Duration?
    ) throws(ZeroMQError) -> [Bool] {
        var items = sockets.map { socket in
            zmq_pollitem_t(socket: socket.pointer, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0)
        }
        if let wakeUp {
            items.append(zmq_pollitem_t(socket: nil, fd: wakeUp.descriptor, events: Int16(ZMQ_POLLIN), revents: 0))
        }
        let milliseconds = timeout.map { Int($0.milliseconds) } ?? -1
        if zmq_poll(&items, Int32(items.count), milliseconds) < 0 {
            guard zmq_errno() == EINTR else { throw .last("poll") }
            return sockets.map { _ in false }
        }
        if let wakeUp, items[sockets.count].revents != 0 { wakeUp.clear() }
        return items.prefix(sockets.count).map { $0.revents & Int16(ZMQ_POLLIN) != 0 }
    }
}

/// Ends another thread's `Poll.wait`. `signal` may be called from any thread and from a signal handler.
package final class WakeUp: Sendable {
    let descriptor: Int32

    package init() throws(ZeroMQError) {
        descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
        guard descriptor >= 0 else { throw ZeroMQError(operation: "eventfd", number: errno) }
    }

    deinit {
        _ = close(descriptor)
    }

    package func signal() {
        var one: UInt64 = 1
        _ = write(descriptor, &one, MemoryLayout<UInt64>.size)
    }

    func clear() {
        var count: UInt64 = 0
        _ = read(descriptor, &count, MemoryLayout<UInt64>.size)
    }
}
