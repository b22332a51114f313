import CZeroMQ

/// What libzmq tells about a socket's connections, in the order in which it happened.
///
/// It belongs to the thread of the socket it watches. Let it go before that socket.
package final class SocketMonitor {
    package enum Event: Sendable, Equatable {
        /// Somebody connected, over this descriptor.
        case accepted(Int32)
        /// A connection that this socket made stands.
        case connected
        case handshakeSucceeded
        /// The other side refused this client by its key.
        case refused
        /// The other side does not speak the same protocol, or not under the same encryption.
        case incompatible
        /// The connection ended during the handshake, without a word.
        case handshakeBroken
        /// The connection with this descriptor has ended.
        case disconnected(Int32)
    }

    private let watched: Socket
    package let socket: Socket

    package init(_ watched: Socket, in context: Context) throws(ZeroMQError) {
        self.watched = watched
        let name = "inproc://monitor-\(UInt(bitPattern: watched.pointer))"
        let wanted =
            ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_CONNECTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED
            | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
            | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL
        guard zmq_socket_monitor(watched.pointer, name, wanted) == 0 else { throw .last("monitor a socket") }
        socket = try Socket(.pair, in: context)
        try socket.set(.linger(.zero))
        // libzmq's own thread waits when this queue is full: it never is.
        try socket.set(.receiveHighWaterMark(0))
        try socket.connect(name)
    }

    deinit {
        _ = zmq_socket_monitor(watched.pointer, nil, 0)
    }

    /// The next event, if there is one.
    package func next() throws(ZeroMQError) -> Event? {
        while let message = try socket.receive(maxFrames: 4) {
            // A number of 2 bytes and a value of 4, as the machine has them; the endpoint is in the second frame.
            guard let head = message.frames.first, head.count == 6 else { continue }
            let (number, value) = head.withUnsafeBytes { raw in
                (
                    Int32(raw.loadUnaligned(as: UInt16.self)),
                    Int32(truncatingIfNeeded: raw.loadUnaligned(fromByteOffset: 2, as: UInt32.self))
                )
            }
            switch number {
            case ZMQ_EVENT_ACCEPTED: return .accepted(value)
            case ZMQ_EVENT_CONNECTED: return .connected
            case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: return .handshakeSucceeded
            case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: return .refused
            case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: return .incompatible
            case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: return .handshakeBroken
            case ZMQ_EVENT_DISCONNECTED: return .disconnected(value)
            default: continue
            }
        }
        return nil
    }
}
